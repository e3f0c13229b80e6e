"""The manifest of a prepared dataset: ``manifest.json`` once it is complete, another name before.

A run that was interrupted or failed leaves ``manifest.unfinished.json`` alone, so that nothing takes
a part of a dataset for the whole.
"""

from pathlib import Path
from typing import Any

from depthda.errors import UserError
from depthda.files import read_json, write_json

NAME = 'manifest.json'
UNFINISHED = 'manifest.unfinished.json'


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of ``folder``, an unfinished one first; None if there is none."""
    for path in (folder / UNFINISHED, folder / NAME):
        try:
            content = read_json(path)
        except ValueError as error:
            raise UserError(
                f'{path} is not readable as JSON ({error}): prepare the dataset again, into another '
                'folder'
            ) from error
        if content is not None:
            # Any other JSON is somebody else's file: no key of ours is in it.
            return content if isinstance(content, dict) else {}
    return None


def is_unfinished(folder: Path) -> bool:
    """Whether the last run that prepared ``folder`` did not reach its end."""
    return (folder / UNFINISHED).is_file()


def write_manifest(folder: Path, content: dict[str, Any], complete: bool) -> None:
    """Write the manifest under the name that its state has, and remove the other one."""
    name, other = (NAME, UNFINISHED) if complete else (UNFINISHED, NAME)
    write_json(folder / name, content)
    (folder / other).unlink(missing_ok=True)
