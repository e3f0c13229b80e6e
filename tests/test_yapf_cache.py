import os
import subprocess
import sys
from pathlib import Path

MODULE = Path(__file__).parents[1] / 'depthda' / 'yapf_cache.py'
# By its path: importing the package would import yapf before.
IMPORT = f"""
import importlib.util, os, sys, threading
spec = importlib.util.spec_from_file_location('yapf_cache', {str(MODULE)!r})
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
if len(sys.argv) > 2:
    content = bytes.fromhex(sys.argv[2])
    threading.Timer(0.4, lambda: open(sys.argv[1], 'wb').write(content)).start()
module.import_yapf(1.5)
from yapf.yapflib.yapf_api import FormatCode
assert FormatCode('a=1')[0] == 'a = 1\\n'
"""


def imported(cache: Path, *arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-c', IMPORT, *arguments],
        env={**os.environ, 'XDG_CACHE_HOME': str(cache)},
        capture_output=True,
        text=True,
    )


def test_a_file_that_another_process_is_writing_is_waited_for(tmp_path):
    assert imported(tmp_path).returncode == 0
    (file,) = tmp_path.glob('YAPF/*/PatternGrammar*.pickle')
    whole = file.read_bytes()
    file.write_bytes(b'')  # as it lies there for a moment
    done = imported(tmp_path, str(file), whole.hex())
    assert done.returncode == 0, done.stderr


def test_a_file_that_stays_empty_is_named(tmp_path):
    assert imported(tmp_path).returncode == 0
    (file,) = tmp_path.glob('YAPF/*/PatternGrammar*.pickle')
    file.write_bytes(b'')
    done = imported(tmp_path)
    assert done.returncode == 1
    folder = file.parents[1]
    assert f'ImportError: the cache of yapf in {folder} is damaged: remove it' in done.stderr
