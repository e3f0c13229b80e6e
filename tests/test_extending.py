"""The modules, configs, commands and tests of ``docs/extending.md`` run unchanged."""

import importlib
import inspect
import json
import os
import re
import shlex
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from depthda.engine.launch import load_config
from depthda.errors import UserError
from depthda.io.files import read_json
from depthda.main import main

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/extending.md').read_text()
BLOCKS = dict(re.findall(r'```python\n# (\w+\.py)\n(.*?)```', PAGE, re.DOTALL))
TESTS = [name for name in BLOCKS if name.startswith('test_')]
RUNS = [name for name in BLOCKS if name.endswith('_run.py')]
COMMANDS = [
    line.removeprefix('PYTHONPATH=. depthda ')
    for block in re.findall(r'```bash\n(.*?)```', PAGE, re.DOTALL)
    for line in block.splitlines()
]
# Names in the log, weights or config of a training that used the new part.
TRACES = {
    'my_fusion_run.py': 'neck.scales.3',
    'my_loss_run.py': 'decode.loss_gce',
    'my_dataset_run.py': 'IoU.road',
    'my_preprocessor_run.py': 'PerImageDepth',
    'my_method_run.py': 'loss_entropy',
}


def write_towns(sample: Path, root: Path) -> None:
    """Write the synthetic tiles in the layout of the dataset of the page, with its classes."""
    merged = np.full(256, 255, np.uint8)
    merged[1:8] = (0, 1, 2, 0, 0, 0, 0)
    for town, source in dict(north='Train/Urban', south='Test/Rural').items():
        for folder in ('images', 'labels', 'depth'):
            (root / town / folder).mkdir(parents=True)
        stems = sorted(path.stem for path in (sample / source / 'images_png').iterdir())
        for stem in stems:
            for folder, original in (('images', 'images_png'), ('depth', 'rdepth/synthetic')):
                link = root / town / folder / f'{stem}.png'
                link.symlink_to(sample / source / original / link.name)
            label = cv2.imread(str(sample / source / f'masks_png/{stem}.png'), cv2.IMREAD_UNCHANGED)
            cv2.imwrite(str(root / town / f'labels/{stem}.png'), merged[label])
        (root / town / 'train.txt').write_text('\n'.join(stems[:-2]))
        (root / town / 'val.txt').write_text('\n'.join(stems[-2:]))


@pytest.fixture(scope='module')
def folder(sample, tmp_path_factory):
    """Write the files of the page and its data to a folder outside the checkout."""
    folder = tmp_path_factory.mktemp('extending')
    for name, text in BLOCKS.items():
        (folder / name).write_text(text)
    (folder / 'data').mkdir()
    (folder / 'data/sample').symlink_to(sample)
    write_towns(sample, folder / 'data/towns')
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        # Formatting the config takes a third of the time of such a short run.
        patch.setattr('yapf.yapflib.yapf_api.FormatCode', lambda text, **style: (text, False))
        patch.setenv('PYTHONPATH', os.pathsep.join((str(folder), str(ROOT))))
        yield folder


def short(short_run: dict) -> list[str]:
    """Return options that shorten training to two iterations."""
    two_iterations = {
        'train_cfg.max_iters': 2,
        'param_scheduler.0.end': 1,
        'param_scheduler.1.begin': 1,
    }
    options = (
        short_run
        | two_iterations
        | {'param_scheduler.1.end': 2, 'default_hooks.logger.interval': 1}
    )
    words = [f'{key}={value}' for key, value in options.items() if 'data_root' not in key]
    return ['--cfg-options', *words]


def test_every_block_is_run():
    assert len(BLOCKS) == PAGE.count('```python')
    assert set(TRACES) == set(RUNS)
    assert {name.replace('_run', '') for name in RUNS} == {name[len('test_') :] for name in TESTS}
    named = {word for command in COMMANDS for word in shlex.split(command)}
    assert {*RUNS, 'my_crop.py', 'my_table.py'} <= named
    assert COMMANDS[0] == 'depthda sample data/sample'  # the fixture's data


def test_the_crops_are_smaller(folder, capsys):
    assert main(['train', 'my_crop.py', '--check']) == 0
    assert 'smaller than the crop' not in capsys.readouterr().out
    crops = [
        step['crop_size'] for step in load_config('my_crop.py').pipeline if 'crop_size' in step
    ]
    assert crops == [(64, 64)]


@pytest.mark.parametrize('name', RUNS)
def test_the_new_part_is_trained(name, folder, short_run):
    assert f'train {name}' in COMMANDS
    assert main(['train', name, *short(short_run)]) == 0
    work_dir = folder / 'work_dirs' / name.removesuffix('.py')
    state = torch.load(work_dir / 'iter_2.pth', weights_only=True)['state_dict']
    (log,) = work_dir.glob('*/vis_data/scalars.json')
    logged = [json.loads(line) for line in log.read_text().splitlines()]
    text = (work_dir / name).read_text()
    traces = {*state, *(key for line in logged for key in line), *re.findall(r'\w+', text)}
    assert TRACES[name] in traces
    assert all(np.isfinite(line['loss']) for line in logged if 'loss' in line)


def test_the_dataset_passes_its_check_and_the_table_has_both_rows(folder):
    for name in ('check-dataset', 'run-experiments'):
        (command,) = [command for command in COMMANDS if command.startswith(name)]
        assert main(shlex.split(command)) == 0
    (path,) = folder.glob('work_dirs/tables-smoke/my_table/*.md')
    rows = [line for line in path.read_text().splitlines() if line.startswith('| ')]
    assert [row.split(' | ')[0].strip('| ') for row in rows[-2:]] == ['concatenation', 'scaled']
    results = [read_json(path) for path in folder.glob('work_dirs/tables-smoke/**/result.json')]
    assert [result['state'] for result in results] == ['done', 'done']


@pytest.mark.parametrize('name', TESTS)
def test_a_test_of_the_page_passes(name, folder, tmp_path):
    torch.manual_seed(0)
    content = vars(importlib.import_module(name.removesuffix('.py')))
    functions = [item for key, item in content.items() if key.startswith('test_')]
    assert functions
    for function in functions:
        function(**dict.fromkeys(inspect.signature(function).parameters, tmp_path))


def test_the_message_about_channels_lists_the_right_ones(folder, short_run, capsys):
    text = BLOCKS['my_fusion_run.py']
    (folder / 'wrong_run.py').write_text(re.sub(r' +decode_head=.*\n', '', text))
    with pytest.raises(SystemExit):
        main(['train', 'wrong_run.py', *short(short_run)])
    assert '[16, 32, 64, 128]' in capsys.readouterr().err


def test_a_base_next_to_the_config_precedes_the_shipped_one(folder):
    assert load_config('my_fusion_run.py').train_cfg.max_iters == 300
    (folder / 'sample').mkdir()
    try:
        (folder / 'sample/depthda_tiny_u2r.py').write_text('nearer = 1\n')
        (folder / 'near.py').write_text("_base_ = 'sample/depthda_tiny_u2r.py'\n")
        assert load_config('near.py').nearer == 1
    finally:
        (folder / 'sample/depthda_tiny_u2r.py').unlink()
        (folder / 'sample').rmdir()
    (folder / 'far.py').write_text("_base_ = 'sample/not_there.py'\n")
    with pytest.raises(UserError, match=r'sample/not_there\.py'):
        load_config('far.py')
