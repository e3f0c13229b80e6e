"""The manifest of a prepared dataset: ``manifest.json`` once it is complete, another name before.

A run that was interrupted or failed leaves ``manifest.unfinished.json`` alone, so that nothing
takes a part of a dataset for the whole.
"""

from pathlib import Path
from typing import Any

from depthda.io.files import read_json, write_json

NAME = 'manifest.json'
UNFINISHED = 'manifest.unfinished.json'


def manifest_path(folder: Path) -> Path:
    """The manifest of ``folder``, or where it would be; of a run that did not end, its own."""
    unfinished = folder / UNFINISHED
    return unfinished if unfinished.is_file() else folder / NAME


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Read the manifest of ``folder``; None if there is none."""
    content = read_json(manifest_path(folder))
    # Any other JSON is not of this project: it has no key that anything here asks for.
    return content if content is None or isinstance(content, dict) else {}


def write_manifest(folder: Path, content: dict[str, Any], complete: bool) -> None:
    """Write the manifest under the name that its state has, and remove the other one."""
    name, other = (NAME, UNFINISHED) if complete else (UNFINISHED, NAME)
    write_json(folder / name, content)
    (folder / other).unlink(missing_ok=True)
