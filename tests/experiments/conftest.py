"""Tables written for a test."""

from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def at_root(monkeypatch) -> None:
    """Tables name configs from the root of the project."""
    monkeypatch.chdir(ROOT)


@pytest.fixture
def write_table(tmp_path, at_root):
    """Write a table of these rows; gives its path."""

    def write(rows: list[dict[str, Any]], name: str = 'small', **rest) -> Path:
        content = {
            'title': 'A small table',
            'columns': [dict(key='{target}/mIoU', title='mIoU')],
            'seeds': (0,),
        }
        lines = [f'{key} = {value!r}\n' for key, value in (content | rest | {'rows': rows}).items()]
        path = tmp_path / f'{name}.py'
        path.write_text(''.join(lines))
        return path

    return write
