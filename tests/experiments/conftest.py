"""Fixtures that write tables."""

from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def at_root(monkeypatch) -> None:
    """Change to the root of the project, because tables name configs from there."""
    monkeypatch.chdir(ROOT)


@pytest.fixture
def write_table(tmp_path, at_root):
    """Return a function that writes a table with these rows and returns its path."""

    def write(rows: list[dict[str, Any]], name: str = 'small', **fields) -> Path:
        content = {
            'title': 'A small table',
            'columns': [dict(key='{target}/mIoU', title='mIoU')],
            'seeds': (0,),
        }
        content |= fields | {'rows': rows}
        lines = [f'{key} = {value!r}\n' for key, value in content.items()]
        path = tmp_path / f'{name}.py'
        path.write_text(''.join(lines))
        return path

    return write
