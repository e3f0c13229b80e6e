"""``import depthda`` imports no large library, and takes effect in any order of imports."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
CONFIG = ROOT / 'configs/sample/upernet_tiny_u2r.py'


def run(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, '-c', script, *arguments],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_the_package_imports_none_of_its_libraries():
    done = run(
        'import sys, depthda; print(sorted({"torch", "mmengine", "numpy", "cv2"} & {*sys.modules}))'
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, '[]\n', '')


GUARDED = """
import os, sys
{imports}
import torch
from mmengine.runner import load_checkpoint
from mmseg.apis import init_model
from mmseg.registry import DATASETS, MODELS, TRANSFORMS
from mmengine.registry import HOOKS

class Bomb:
    def __reduce__(self):
        return os.mkdir, (trace,)

config, path, trace = sys.argv[1:]
torch.save(dict(state_dict={{}}, meta=Bomb()), path)
module = torch.nn.Linear(1, 1)
for load in (
    lambda: torch.load(path),
    lambda: load_checkpoint(module, path),
    lambda: init_model(config, path, 'cpu'),
):
    try:
        load()
    except Exception as error:
        print(type(error).__name__)
assert not os.path.exists(trace)
classes = [MODELS.get('DualBackbone'), DATASETS.get('LoveDARGBD'), TRANSFORMS.get('LoadDepth')]
classes.append(HOOKS.get('PlateauHook'))
print(*(cls.__name__ for cls in classes))
"""
IMPORTS = {
    'depthda first': 'import depthda',
    'depthda last': 'import mmseg.apis, mmengine.runner\nfrom mmseg.registry import MODELS\n'
    "assert MODELS.get('EncoderDecoder')\nimport depthda",
    'a config imports depthda': 'import mmengine.runner\nfrom mmengine.config import Config\n'
    'Config.fromfile(sys.argv[1])',
    'the modules themselves first': 'import depthda.inference.images, depthda.checkpoints.loading',
}


@pytest.mark.parametrize('order', IMPORTS)
def test_checkpoints_run_no_code_and_names_are_found_in_any_order_of_imports(order, tmp_path):
    script = GUARDED.format(imports=IMPORTS[order])
    done = run(script, str(CONFIG), str(tmp_path / 'bomb.pth'), str(tmp_path / 'it-ran'))
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith('Loads checkpoint')]
    assert lines[-4:-1] == ['UnpicklingError', 'UserError', 'UserError']
    assert lines[-1] == 'DualBackbone LoveDARGBD LoadDepth PlateauHook'
    if order == 'depthda first':  # in this order, the messages of mmseg are hidden too
        assert len(lines) == 4 and done.stderr == ''


def test_every_module_that_registers_something_is_imported_when_a_registry_is_first_used():
    script = 'import sys, depthda.register; print(*(n for n in sys.modules if n[:7] == "depthda"))'
    imported = set(run(script).stdout.split())
    registering = {
        '.'.join(path.relative_to(ROOT).with_suffix('').parts)
        for path in (ROOT / 'depthda').rglob('*.py')
        if '.register_module(' in path.read_text()
    }
    assert len(registering) > 50 and registering <= imported


YAPF = """
import sys, threading
import depthda.startup
depthda.startup._YAPF_TIMEOUT_S = 1.5
if len(sys.argv) > 2:
    content = bytes.fromhex(sys.argv[2])
    threading.Timer(0.4, lambda: open(sys.argv[1], 'wb').write(content)).start()
from yapf.yapflib.yapf_api import FormatCode
assert FormatCode('a=1')[0] == 'a = 1\\n'
"""


@pytest.fixture
def grammar(tmp_path) -> Path:
    """Let yapf write its cache, and return a file of the cache."""
    assert run(YAPF, XDG_CACHE_HOME=str(tmp_path)).returncode == 0
    (file,) = tmp_path.glob('YAPF/*/PatternGrammar*.pickle')
    return file


def test_an_empty_cache_file_is_read_once_it_is_complete_or_reported_after_a_time(
    tmp_path, grammar
):
    content = grammar.read_bytes()
    grammar.write_bytes(b'')
    done = run(YAPF, str(grammar), content.hex(), XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 0, done.stderr
    grammar.write_bytes(b'')
    done = run(YAPF, XDG_CACHE_HOME=str(tmp_path))
    assert done.returncode == 1
    folder = grammar.parents[1]
    assert f'ImportError: the cache of yapf in {folder} is damaged: remove it' in done.stderr


FORMATTED_ONCE = """
from yapf.yapflib import yapf_api
calls, format_code = [], yapf_api.FormatCode
yapf_api.FormatCode = lambda *args, **options: calls.append(1) or format_code(*args, **options)
del sys.modules['yapf']  # executed again, so that depthda patches the counting function
from mmengine.config import Config
cfg = Config(dict(model=dict(type='A', channels=[1, 2, 3]), name='one'))
texts = [cfg.pretty_text for _ in range(3)]
cfg.name = 'two'
texts.append(cfg.pretty_text)
print(len(calls), texts[0] == texts[2] != texts[3], 'two' in texts[3])
"""


def test_an_unchanged_config_is_formatted_only_once():
    done = run(f'import sys, depthda\n{FORMATTED_ONCE}')
    assert (done.returncode, done.stdout) == (0, '2 True True\n'), done.stderr
