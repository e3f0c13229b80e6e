"""Fixtures of the tests that run commands."""

import runpy
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.fixture
def run_tool(monkeypatch, capsys):
    """Run a tool in this process, to save an import of torch; return status, output and errors."""

    def run(tool: str, *arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, 'argv', [f'tools/{tool}.py', *map(str, arguments)])
        capsys.readouterr()  # drop what the fixtures printed
        with pytest.raises(SystemExit) as stopped:
            runpy.run_path(str(TOOLS / f'{tool}.py'), run_name='__main__')
        return stopped.value.code, *capsys.readouterr()

    return run


@pytest.fixture
def run_here(run_tool, monkeypatch, tmp_path):
    """Run a tool in ``tmp_path``; return status, output and errors."""
    monkeypatch.chdir(tmp_path)
    return run_tool
