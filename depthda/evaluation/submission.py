"""Zips of predictions for LoveDA's servers: make them, and check them as strictly as a server."""

import lzma
import zipfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from depthda.errors import UserError, first_names
from depthda.evaluation.label_png import NotALabelMap, read_label_png, value_fix
from depthda.evaluation.submission_target import TestSet, find_test_set
from depthda.io.files import atomic_path

NUM_CLASSES = 7
# A 1024² map has about 0.1 MB, and 1.1 MB at worst. A file above this limit is something else and
# is not unpacked into memory.
_MAX_BYTES = 64 << 20

_SYSTEM_FILES = ('__macosx', 'thumbs.db', 'desktop.ini')
_UNPACKING = (zlib.error, lzma.LZMAError, EOFError, OSError)

Progress = Callable[[list], Iterable]


@dataclass(frozen=True)
class Fault:
    """One fault, the files that have it, and how to fix it. ``str()`` of a fault is one line."""

    names: tuple[str, ...]
    reason: str
    fix: str

    def __str__(self) -> str:
        return f'{first_names(self.names)}: {self.reason}; {self.fix}'


class SubmissionError(UserError):
    """A folder of predictions that cannot be submitted. The message has one line per fault."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__('\n'.join(map(str, faults)))
        self.faults = faults


Review = tuple[TestSet | None, list[Fault]]  # None: the test images were not recognised


@dataclass(frozen=True)
class _Entry:
    name: str
    bytes: int
    encrypted: bool
    read: Callable[[], bytes]


def pack(
    pred_dir: str | Path, out: str | Path, progress: Progress = iter, **target: Any
) -> TestSet:
    """Zip a folder of predictions and check the zip, which appears only if it has no fault.

    Faults raise a :class:`SubmissionError`. Equal predictions give equal bytes. See :func:`review`
    for the arguments.
    """
    pred_dir, out = Path(pred_dir), Path(out)
    if not pred_dir.is_dir():
        raise UserError(f'{pred_dir} is not a folder: pass the folder of the predictions.')
    _check_out(pred_dir, out)
    test_set, faults = _review(pred_dir, _folder_entries(pred_dir), target, progress)
    if faults:
        raise SubmissionError(faults)
    with atomic_path(out) as temporary:
        # Not compressed, because PNGs are compressed already.
        with zipfile.ZipFile(temporary, 'w', zipfile.ZIP_STORED) as archive:
            for name in sorted(test_set.sizes):
                info = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
                info.create_system, info.external_attr = 3, 0o100644 << 16
                archive.writestr(info, (pred_dir / name).read_bytes())
        test_set, faults = review(temporary, progress, **target)
        if faults:  # a prediction changed on disk meanwhile
            raise SubmissionError(faults)
    return test_set


def check_names(names: Iterable[str], pred_dir: str | Path, out: str | Path, **target: Any) -> None:
    """Check the file names before there are predictions, as :func:`pack` would do afterwards.

    ``names`` are the names that the predictions will have. The names of files that are already in
    ``pred_dir`` are checked, too. The other arguments are those of :func:`pack`.
    """
    pred_dir, out, names = Path(pred_dir), Path(out), list(names)
    _check_out(pred_dir, out)
    present = [entry.name for entry in _folder_entries(pred_dir)] if pred_dir.is_dir() else []
    entries = [_Entry(name, 0, False, bytes) for name in dict.fromkeys([*names, *present])]
    _, faults = _review(pred_dir, entries, target, lambda entries: [])
    old, fix = set(present).difference(names), 'remove it, or choose another folder with --out'
    for index, fault in enumerate(faults):
        if old.issuperset(fault.names):
            reason = f'already in {pred_dir} before this test, and {fault.reason}'
            faults[index] = Fault(fault.names, reason, fix)
    if faults:
        raise SubmissionError(faults)


def review(path: str | Path, progress: Progress = iter, **target: Any) -> Review:
    """Check a zip without unpacking it to disk. It can be uploaded if it has no faults.

    Return the test images that it was checked against, and its faults.
    ``progress`` wraps the list of files whose content is read, for a progress bar. ``target`` are
    the ``domain``, ``track`` and ``against`` of :func:`find_test_set`.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            return _review(path, _zip_entries(archive), target, progress)
    except OSError as error:
        reason, fix = f'cannot be opened ({error.strerror})', 'pass the path of a zip file'
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        reason, fix = f'not a readable zip file ({error})', 'create it again'
    return None, [Fault((str(path),), reason, fix)]


def _review(path: Path, entries: list[_Entry], target: dict, progress: Progress) -> Review:
    names = [entry.name for entry in entries]
    test_set = find_test_set(names, **target)
    if test_set is None:
        reason = 'contains no file named after a LoveDA test image (4191.png … 5986.png)'
        fix = 'name predictions after their images, or pass a folder of images with --against'
        return None, [Fault((str(path),), reason, fix)]
    faults = _name_faults(names, test_set)
    visible = (entry for entry in entries if not _is_system_file(entry.name))
    entries = [entry for entry in visible if entry.name.lower().endswith('.png')]
    faults += _content_faults(entries, test_set, progress)
    return test_set, faults


def _check_out(pred_dir: Path, out: Path) -> None:
    if out.suffix != '.zip':
        raise UserError(f'the name {out} must end with .zip: the server only accepts zip files.')
    if pred_dir.resolve() in out.resolve().parents:
        raise UserError(f'{out} would be in the folder of predictions: choose another folder.')


def _folder_entries(folder: Path) -> list[_Entry]:
    files = sorted(path for path in folder.rglob('*') if not path.is_dir())
    names = [path.relative_to(folder).as_posix() for path in files]
    named = zip(names, files, strict=True)
    return [_Entry(name, path.stat().st_size, False, path.read_bytes) for name, path in named]


def _zip_entries(archive: zipfile.ZipFile) -> list[_Entry]:
    def read(info: zipfile.ZipInfo) -> bytes:
        # Read no more than the size that the zip states: the data may unpack to more.
        with archive.open(info) as file:
            return file.read(info.file_size)

    return [
        _Entry(info.filename, info.file_size, bool(info.flag_bits & 1), partial(read, info))
        for info in archive.infolist()
    ]


def _name_faults(names: list[str], test_set: TestSet) -> list[Fault]:
    """Compare the names with the official ones. Each file has the first fault that applies."""
    hidden = [name for name in dict.fromkeys(names) if _is_system_file(name)]
    folders, suffix, extra, present = [], [], [], set()
    for name in (name for name in dict.fromkeys(names) if name not in hidden):
        base = _parts(name)[-1]
        official = f'{base.rpartition(".")[0]}.png'
        present.add(official)  # possibly in the wrong place or misnamed, but not missing
        if len(_parts(name)) > 1:
            folders.append(name)
        elif base not in test_set.sizes:
            (suffix if official in test_set.sizes else extra).append(name)
    missing = sorted(test_set.sizes.keys() - present)
    twice = [name for name, count in Counter(names).items() if count > 1]
    title, count = test_set.title, len(test_set.sizes)
    faults = [
        (hidden, 'hidden system file', 'remove it from the zip'),
        (folders, 'in a subfolder', 'put the PNGs at the root: zip the files, not their folder'),
        (suffix, 'does not end with .png', 'save it as PNG, with the suffix .png in lower case'),
        (extra, f'not a test image of {title}', test_set.hint(extra)),
        (twice, 'more than once in the zip', 'keep one of each'),
        (missing, f'missing ({len(missing)} of {count} in {title})', 'predict every image'),
    ]
    return [Fault(tuple(files), reason, fix) for files, reason, fix in faults if files]


def _parts(name: str) -> list[str]:
    return name.replace('\\', '/').split('/')


def _is_system_file(name: str) -> bool:
    return any(part.startswith('.') or part.lower() in _SYSTEM_FILES for part in _parts(name))


def _content_faults(entries: list[_Entry], test_set: TestSet, progress: Progress) -> list[Fault]:
    """Decode every label map, and join equal faults of several files."""
    faults: dict[tuple[str, str], list[str]] = defaultdict(list)
    outside: dict[str, int] = {}  # highest value of each file, if it is not a class
    lowest = NUM_CLASSES
    for entry in progress(entries):
        size = test_set.sizes.get(f'{_parts(entry.name)[-1].rpartition(".")[0]}.png')
        if size is None:
            continue  # an extra file, which _name_faults reports
        try:
            labels = read_label_png(_read(entry), size)
        except NotALabelMap as error:
            faults[error.reason, error.fix].append(entry.name)
            continue
        lowest = min(lowest, int(labels.min()))
        if labels.max() >= NUM_CLASSES:
            outside[entry.name] = int(labels.max())
    if outside:
        highest = max(outside.values())
        values = f'up to {highest} (lowest value in all files: {lowest})'
        if highest == NUM_CLASSES:
            values = f'{lowest}…{highest}'
        reason = f'values {values}, but only 0…{NUM_CLASSES - 1} are classes'
        faults[reason, value_fix(highest, NUM_CLASSES)] = list(outside)
    return [Fault(tuple(names), reason, fix) for (reason, fix), names in faults.items()]


def _read(entry: _Entry) -> bytes:
    if entry.encrypted:
        raise NotALabelMap('encrypted', 'create the zip without a password')
    if entry.bytes > _MAX_BYTES:
        raise NotALabelMap(f'{entry.bytes >> 20} MB, too large for a label map', 'check the file')
    try:
        return entry.read()
    except (zipfile.BadZipFile, NotImplementedError, *_UNPACKING) as error:
        raise NotALabelMap(f'cannot be unpacked ({error})', 'create the zip again') from error
