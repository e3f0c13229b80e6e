"""The steps of ``docs/your-data.md``, from the folders of two places to scores of a small model."""

import re
import runpy
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from tiny_scenes import write

from depthda.engine.launch import load_config, test, train
from depthda.errors import UserError

test.__test__ = False  # keep pytest from collecting this imported function

ROOT = Path(__file__).parents[1]
BASES = ROOT / 'configs/_base_'


@pytest.fixture(scope='module')
def domains(tmp_path_factory):
    """Prepare the domains north and south; ``bare`` is south without labels."""
    root = tmp_path_factory.mktemp('custom')
    rng = np.random.default_rng(0)
    (root / 'classes.txt').write_text('field 255 255 0\nwood 0 90 0\nignore 0 0 0\n')
    for name, shift in (('north', 0), ('south', 60)):
        for n in range(3):
            wood = rng.random((12, 16)) < 0.4
            wood = np.kron(wood, np.ones((8, 8))).astype(bool)
            image = np.where(wood[..., None], (20, 90, 30), (150, 140, 60)) + shift
            write(root / name / f'rgb/{n}.png', (image % 256).astype(np.uint8))
            colours = np.where(wood[..., None], (0, 90, 0), (255, 255, 0)).astype(np.uint8)
            write(root / name / f'mask/{n}.png', colours)
            write(root / name / f'dsm/{n}.tif', np.where(wood, 120.0, 100.0).astype(np.float32))
    labelled = ['--labels', root / '{}/mask', '--classes', root / 'classes.txt']
    prepare(root, 'north', *labelled, '--split', 'train=0.67', 'val=0.33')
    prepare(root, 'south', *labelled)
    prepare(root, 'south', *labelled[2:], out='bare')
    return root


def prepare(root, name, *more, out=None):
    args = ['folder', '--images', root / '{}/rgb', '--depth', root / '{}/dsm', '--tile', 64, *more]
    args += ['--domain', name, '--out', root / 'data' / (out or name)]
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(sys, 'argv', ['', *(str(word).replace('{}', name) for word in args)])
        runpy.run_path(str(ROOT / 'tools/prepare_dataset.py'), run_name='__main__')
    assert stopped.value.code == 0


def config(domains, data_file, target, classes=2):
    """Write the configs that the page describes, with a small model."""
    text = (BASES / 'datasets/prepared-512x512.py').read_text()
    for name, domain in (('source', 'north'), ('target', target)):
        root = str(domains / 'data' / domain)
        text, count = re.subn(rf'(?m)^{name}_root = .*$', f'{name}_root = {root!r}', text)
        assert count == 1
    text = text.replace("'../", "'_base_/")  # bases with such names are found from any folder
    text = text.replace('crop_size = (512, 512)', 'crop_size = (64, 64)')
    (domains / 'prepared-512x512.py').write_text(text)
    shutil.copy(BASES / 'datasets/prepared-unlabelled-512x512.py', domains)
    path = domains / f'custom-{data_file}'
    path.write_text(
        f"_base_ = ['{BASES}/models/depthda_tiny.py', './{data_file}', "
        f"'{BASES}/schedules/adamw-sample.py', '{BASES}/default_runtime.py']\n"
        f'train_cfg = dict(max_iters=2, val_interval=2)\n'
        f'model = dict(decode_head=dict(num_classes={classes}))\n'
        'in_this_process = dict(num_workers=0, persistent_workers=False)\n'
        'train_dataloader = val_dataloader = test_dataloader = in_this_process\n'
    )
    return path


def test_from_two_folders_to_scores_and_maps(domains, tmp_path):
    path = config(domains, 'prepared-unlabelled-512x512.py', 'bare')
    train(path, str(tmp_path / 'run'))
    checkpoint = tmp_path / 'run/iter_2.pth'
    test(path, checkpoint, str(tmp_path / 'test'), out=str(tmp_path / 'maps'))
    maps = sorted((tmp_path / 'maps').rglob('*.png'))
    tiles = sorted((domains / 'data/bare/images').iterdir())
    assert [path.stem for path in maps] == [path.stem for path in tiles]
    assert set(np.unique(cv2.imread(str(maps[0]), cv2.IMREAD_UNCHANGED))) <= {0, 1}
    # South has labels, so its maps are scored.
    path = config(domains, 'prepared-512x512.py', 'south')
    scores = test(path, checkpoint, str(tmp_path / 'test'))
    assert {'IoU.field', 'IoU.wood', 'mIoU'} <= set(scores['scores'])


def test_a_model_with_other_classes_or_with_a_head_without_type_is_refused(domains, tmp_path):
    path = config(domains, 'prepared-512x512.py', 'south', classes=6)
    with pytest.raises(UserError, match='decode_head.num_classes is 6, but the train dataset '):
        train(path, str(tmp_path))
    with pytest.raises(UserError, match=r'num_classes is 6, but .* 2 classes \(field, wood\)'):
        test(path, 'none.pth', str(tmp_path))
    path = config(domains, 'prepared-512x512.py', 'south')
    path.write_text(path.read_text() + 'model["auxiliary_head"] = dict(num_classes=2)\n')
    with pytest.raises(UserError, match='auxiliary_head has num_classes but no type'):
        train(path, str(tmp_path))
    # The shipped config has six classes, and the folders that the page names.
    cfg = load_config(ROOT / 'configs/depthda/depthda_convnext-b-s_1xb4-40k_prepared-512x512.py')
    assert cfg.model.decode_head.num_classes == cfg.model.auxiliary_head.num_classes == 6
    assert cfg.test_dataloader.dataset.data_root == 'data/custom/south'
