"""Read a config or a table, and report a mistake in one sentence with the file and the line."""

import os
import re
import runpy
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mmengine
from mmengine.config import Config

from depthda.engine.checks.renamed import renamed_bases
from depthda.errors import UserError

_LIBRARY = str(Path(mmengine.__file__).parent)


def read_config(path: str | Path) -> Config:
    """Read a config file and its bases, as ``Config.fromfile`` does."""
    with _mistakes(path, 'config'), renamed_bases():
        if is_table(path):
            raise UserError(f'{path} is a table, not a config: use depthda run-experiments {path}.')
        return Config.fromfile(path)


def is_table(path: str | Path) -> bool:
    """Return whether a file sets ``rows``, as tables do."""
    # Search the text without parsing it, because {{_base_.…}} in a config is not valid Python.
    text = Path(path).read_text(encoding='utf-8')
    return str(path).endswith('.py') and re.search(r'^rows\s*=', text, re.MULTILINE) is not None


def read_table(path: str | Path) -> dict[str, Any]:
    """Run a table file and return its variables; it may import from its own folder."""
    folder, before = os.path.dirname(os.path.abspath(path)), set(sys.modules)
    sys.path.insert(0, folder)
    try:
        with _mistakes(path, 'table'):
            return runpy.run_path(str(path))
    finally:
        sys.path.remove(folder)
        # Forget what was imported from this folder, because a table in another folder may import
        # files of the same names.
        for name in set(sys.modules) - before:
            file = getattr(sys.modules[name], '__file__', None) or ''
            if name == '_base_' or file.startswith(folder + os.sep):
                del sys.modules[name]


@contextmanager
def _mistakes(path: str | Path, kind: str) -> Iterator[None]:
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # the file runs the user's code, which may raise anything
        file, line = _location(error)
        where = f'{file or path}{f", line {line}" if line else ""}'
        raise UserError(f'{where}: {_reason(error)}; correct the {kind}.') from error


def _location(error: Exception) -> tuple[str | None, int | None]:
    """Return file and line of a mistake in the config, or in a base or a module that it reads."""
    read_files: list[str] = []
    user_frames: list[tuple[str, int]] = []
    for frame, line in traceback.walk_tb(_root_cause(error).__traceback__):
        name, function = frame.f_code.co_filename, frame.f_code.co_name
        if name.startswith(_LIBRARY):
            # mmengine reads the bases within the call that reads the file.
            if function in ('_file2dict', '_is_lazy_import'):
                read_files.append(os.path.normpath(frame.f_locals['filename']))
        elif function == '<module>' and 'site-packages' not in name:
            user_frames.append((name, line))
    existing = [name for name in read_files if os.path.exists(name)]
    file = existing[-1] if existing else None
    if isinstance(error, SyntaxError):  # a config is parsed as text, so Python names no file
        is_file = error.filename and os.path.exists(error.filename)
        return (error.filename if is_file else file), error.lineno
    return user_frames[-1] if user_frames else (file, None)


def _root_cause(error: BaseException) -> BaseException:
    """Return the error that made a custom import fail; any other error is returned unchanged."""
    while isinstance(error, ImportError) and (inner := error.__cause__ or error.__context__):
        error = inner
    return error


def _reason(error: Exception) -> str:
    cause = _root_cause(error)
    text = cause.args[0] if isinstance(cause, KeyError) and cause.args else cause
    if isinstance(cause, FileNotFoundError) and cause.filename:
        text = f'{cause.strerror}: {cause.filename}'
    elif isinstance(cause, SyntaxError):
        text = cause.msg
    elif 'import_modules_from_strings()' in str(cause):  # custom_imports has another form
        return "write custom_imports=dict(imports=['package.module'])"
    prefix = 'custom_imports, ' if cause is not error else ''
    return f'{prefix}{type(cause).__name__}: {" ".join(str(text).split()).rstrip(".")}'
