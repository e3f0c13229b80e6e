"""Planted faults are found and named, and a good dataset passes."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from depthda.datasets.checks.inspection import _depth_facts, inspect
from depthda.datasets.checks.report import histogram
from depthda.datasets.loveda import LoveDARGBD

CONFIG = str(Path(__file__).parents[2] / 'configs' / 'sample' / 'depthda_tiny_u2r.py')


@pytest.fixture
def data(sample, tmp_path):
    return shutil.copytree(sample, tmp_path / 'data')


@pytest.fixture
def check(run_tool, tmp_path, data):
    """Run the tool on the copy of the sample; return status, output, errors."""

    def call(*args, options=(), config=CONFIG, out=tmp_path / 'out'):
        loaders = ('train', 'val', 'test')
        roots = [f'{name}_dataloader.dataset.data_root={data}' for name in loaders]
        options = [*(roots if config == CONFIG else ()), *options]
        arguments = [config, '--workers', '1', '--out', out, *args]
        arguments += ['--cfg-options', *options] if options else []
        return run_tool('check_dataset', *arguments)

    return call


def edit_all(data, folder, edit):
    """Change the codes of every depth map or mask of Urban Train."""
    for path in (data / 'Train/Urban' / folder).glob('*.png'):
        codes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        cv2.imwrite(str(path), edit(codes))


ALL = ['train_dataloader.dataset.holdout=None']  # not only the part that is trained on


def test_the_check_for_upside_down_depth_leaves_out_ignored_pixels():
    depth = np.full((10, 10), 0.5, np.float32)
    labels = np.zeros((10, 10), np.uint8)
    depth[:2], labels[:2] = 0.6, 1  # raised
    depth[8:], labels[8:] = 1.0, 7  # ignored
    facts = _depth_facts(depth, labels, [1], ignored=7)
    assert facts.raised == pytest.approx(0.1 / depth.std(), rel=1e-4)
    assert _depth_facts(depth, labels, [1], ignored=255).raised < 0


def test_a_good_dataset_passes_with_its_pictures(check, tmp_path):
    status, out, err = check()
    assert status == 0, err
    assert 'train: 8 images, 128×128, Urban, depth at' in out
    assert out.splitlines()[-1] == 'fit for training (every sample)'
    for name in ('classes', 'train-1', 'val-1', 'test-1'):
        assert cv2.imread(str(tmp_path / 'out' / f'{name}.png')).shape[0] > 300


def test_shares_are_those_of_the_label_files(data):
    dataset = LoveDARGBD(str(data), 'Rural', 'Test', depth=None, pipeline=STEPS)
    samples = inspect(dataset)
    checked = SimpleNamespace(name='test', dataset=dataset, samples=samples)
    masks = (data / 'Test/Rural/masks_png').glob('*.png')
    codes = np.concatenate([cv2.imread(str(path), -1).ravel() for path in masks])
    counts = np.bincount(codes, minlength=8)[1:]
    (shares,) = histogram([checked]).values()
    assert [*shares.values()] == pytest.approx(100 * counts / counts.sum())
    assert sum(sample.ignored for sample in samples) == (codes == 0).sum()


NAMES = ('LoadImageFromFile', 'LoadAnnotations', 'LoadDepth', 'PackSegInputs')
STEPS = [dict(type=name) for name in NAMES]


def test_several_processes_find_the_same_as_one(data, monkeypatch):
    monkeypatch.setattr('depthda.datasets.checks.inspection._FEW', 1)
    dataset = LoveDARGBD(str(data), 'Urban', 'Train', 'rdepth/synthetic', pipeline=STEPS)
    one, two = inspect(dataset), inspect(dataset, workers=2)
    assert [s.path for s in one] == [s.path for s in two]
    assert [s.depth for s in one] == [s.depth for s in two]
    assert all((a.pixels == b.pixels).all() for a, b in zip(one, two, strict=True))


@pytest.mark.parametrize(
    'edit, message',
    [
        (lambda codes: np.where(codes > 0, 65535 - codes + 1, 0).astype(np.uint16), 'inverted'),
        (lambda codes: np.full_like(codes, 30000), '8 constant depth maps'),
        (np.zeros_like, '8 empty depth maps'),
    ],
)
def test_useless_depth_is_found(check, data, edit, message):
    edit_all(data, 'rdepth/synthetic', edit)
    status, out, _ = check('--split', 'train')
    assert status == 1
    assert f'✗ {message}' in out or f'✗ depth may be {message}' in out
    assert out.splitlines()[-1] == 'not fit for training (every sample)'


def test_one_empty_map_among_many_is_reported_but_is_not_a_fault(check, data):
    path = next((data / 'Train/Urban/rdepth/synthetic').glob('*.png'))
    cv2.imwrite(str(path), np.zeros((128, 128), np.uint16))
    status, out, _ = check('--split', 'train', options=ALL)
    assert status == 0 and '! 1 empty depth map (first image ' in out and path.stem in out


def test_a_label_without_a_class_is_found(check, data):
    path = next((data / 'Train/Urban/masks_png').iterdir())
    labels = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    labels[:3] = 9
    cv2.imwrite(str(path), labels)
    status, out, _ = check('--split', 'train', options=ALL)
    assert status == 1
    # The value is that of the file, where 1 is the first class.
    assert '✗ 1 label map with values that are not classes (9; first image' in out


def test_a_broken_image_is_found_and_named(check, data):
    path = next((data / 'Train/Urban/images_png').iterdir())
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 400] = bytes(400)
    path.write_bytes(content)
    status, out, _ = check('--split', 'train', options=ALL)
    fault = f'{path} is damaged and cannot be decoded: create or download it again'
    assert status == 1 and f'✗ 1 sample cannot be used: {fault}' in out
    # Names and headers are intact.
    assert check('--split', 'train', '--fast', options=ALL)[0] == 0


def test_a_class_that_never_occurs_is_reported(check, data):
    edit_all(data, 'masks_png', lambda labels: np.where(labels == 4, 1, labels))  # water
    status, out, _ = check('--split', 'train')
    assert status == 0 and '! classes without any pixel: water' in out


def test_a_missing_map_and_shared_images_are_found(check, data):
    options = ['test_dataloader.dataset.domain=Urban', 'test_dataloader.dataset.split=Train']
    status, out, _ = check('--fast', options=options)
    assert status == 0 and 'test images are also training images' in out
    options = ['val_dataloader.dataset.domain=Rural', 'val_dataloader.dataset.split=Test']
    options.append('val_dataloader.dataset.holdout=None')
    status, out, _ = check('--fast', options=options)
    assert status == 0 and 'validation images are also test images' in out
    next((data / 'Train/Urban/rdepth/synthetic').glob('*.png')).unlink()
    status, _, err = check('--fast')
    assert status == 2 and 'depth map' in err


def test_copies_under_other_names_are_found(check, data):
    trained = sorted((data / 'Train/Urban/images_png').iterdir())
    tested = sorted((data / 'Test/Rural/images_png').iterdir())
    shutil.copy(trained[2], trained[7])
    status, out, _ = check('--split', 'train', options=ALL)
    message = f'train: 1 copy of one another among 12 images ({trained[7]} = {trained[2]})'
    assert status == 0 and f'! {message}: keep one file of each image' in out
    for number, path in enumerate(tested):
        shutil.copy(trained[number], path)
    status, out, _ = check('--split', 'train', 'test', options=ALL)
    assert status == 1
    assert (
        f'✗ test: 3 copies of training images among 3 images ({tested[0]} = {trained[0]}, '
        f'{tested[1]} = {trained[1]}, {tested[2]} = {trained[2]}): remove them from one of the two'
    ) in out
    assert out.splitlines()[-1] == 'not fit for training (every sample)'


def test_a_file_as_out_is_refused(check, tmp_path):
    file = tmp_path / 'file'
    file.write_text('text')
    for out, sentence in (
        (file, f'{file} is a file: name a folder.'),
        (file / 'a', f'{file}/a cannot be created, because {file} is a file: name another folder.'),
    ):
        status, message, err = check(out=out)
        assert (status, message, err) == (2, '', f'error: --out {sentence}\n')
    assert file.read_text() == 'text'


def test_pairs_are_checked_part_by_part(check, data):
    roots = [f'train_dataloader.dataset.{name}.data_root={data}' for name in ('source', 'target')]
    roots.append('train_dataloader.dataset.source.pipeline.2.crop_size=(96,96)')
    config = CONFIG.replace('depthda', 'drdg')
    status, out, err = check(options=roots, config=config)
    assert status == 0, err
    assert 'train source: 12 images' in out and 'train target: 12 images' in out


def test_mistakes_are_reported(check):
    assert 'use 1 or more' in check('--workers', '0')[2]
    assert check('--split', 'train', config='none.py')[0] == 2
    status, _, err = check(options=['+train_dataloader.dataset.holdot=1'])
    taken = (
        "error: train_dataloader.dataset: LoveDARGBD has no argument 'holdot'; did you mean "
        "'holdout'?"
    )
    assert status == 2 and err.splitlines()[-1] == taken
