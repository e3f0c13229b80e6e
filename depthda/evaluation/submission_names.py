"""Faults in the names of the files of a submission."""

from collections import Counter
from dataclasses import dataclass

from depthda.errors import first_names
from depthda.evaluation.submission_target import TestSet

_SYSTEM_FILES = ('__macosx', 'thumbs.db', 'desktop.ini')


@dataclass(frozen=True)
class Fault:
    """One fault with all files that have it, and how to fix it. ``str()`` is one line."""

    names: tuple[str, ...]
    reason: str
    fix: str

    def __str__(self) -> str:
        return f'{first_names(self.names)}: {self.reason}; {self.fix}'


def name_faults(names: list[str], test_set: TestSet) -> list[Fault]:
    """Compare the names with the official ones. Each file has the first fault that applies."""
    hidden = [name for name in dict.fromkeys(names) if is_system_file(name)]
    folders, suffix, extra, present = [], [], [], set()
    for name in (name for name in dict.fromkeys(names) if name not in hidden):
        base = parts_of(name)[-1]
        official = f'{base.rpartition(".")[0]}.png'
        present.add(official)  # possibly in the wrong place or misnamed, but not missing
        if len(parts_of(name)) > 1:
            folders.append(name)
        elif base not in test_set.sizes:
            (suffix if official in test_set.sizes else extra).append(name)
    missing = sorted(test_set.sizes.keys() - present)
    twice = [name for name, count in Counter(names).items() if count > 1]
    title, count = test_set.title, len(test_set.sizes)
    found = [
        (hidden, 'hidden system file', 'leave it out of the zip'),
        (folders, 'in a subfolder', 'put the PNGs at the root: zip the files, not their folder'),
        (suffix, 'does not end with .png', 'save as PNG and name it .png, in lower case'),
        (extra, f'not a test image of {title}', test_set.hint(extra)),
        (twice, 'more than once in the zip', 'keep one of each'),
        (missing, f'missing ({len(missing)} of the {count} of {title})', 'predict every image'),
    ]
    return [Fault(tuple(which), reason, fix) for which, reason, fix in found if which]


def parts_of(name: str) -> list[str]:
    return name.replace('\\', '/').split('/')


def is_system_file(name: str) -> bool:
    return any(part.startswith('.') or part.lower() in _SYSTEM_FILES for part in parts_of(name))
