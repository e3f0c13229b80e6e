"""A translated set: what is in it, where, and what a second start does."""

import json
import os
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

from depthda.datasets.transforms.load_multiband_image import LoadMultibandImage
from depthda.depth.maps import read_depth
from depthda.engine.prepare import load_config
from depthda.errors import UserError
from depthda.inference.translate import _source_config, _Tile, _write, translate
from depthda.provenance import TRANSLATION, describe_dataset

CONFIG = 'configs/sample/drdg_tiny_u2r.py'


@pytest.fixture(scope='module')
def options(sample):
    return {'translate_dataset.data_root': str(sample), 'model.target_size': (104, 96)}


@pytest.fixture(scope='module')
def model():
    init_default_scope('mmseg')
    torch.manual_seed(0)
    return MODELS.build(Config.fromfile(CONFIG).model).eval()


@pytest.fixture(scope='module')
def checkpoint(model, tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'iter_7.pth'
    meta = dict(seed=5, trained_on=dict(type='DomainPairDataset'))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    return path


def files(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob('*.png')}


@pytest.fixture(scope='module')
def translated(options, checkpoint, tmp_path_factory):
    out = tmp_path_factory.mktemp('out') / 'set'
    translate(CONFIG, checkpoint, out, batch_size=3, cfg_options=options)
    return out


def test_names_and_folders_are_those_of_the_source(translated, sample):
    # Train of Urban and nothing else, with labels and depth.
    folders = ('images_png', 'masks_png', 'rdepth/synthetic')
    wanted = {f'Train/Urban/{f}/{p.name}' for f in folders for p in images(sample)}
    assert files(translated).keys() == wanted
    assert len(wanted) == 3 * 12


def images(sample):
    return sorted((sample / 'Train/Urban/images_png').glob('*.png'))


def test_images_are_what_the_generator_makes_of_them(translated, model, sample):
    for path in images(sample)[:4]:
        image = cv2.imread(str(path))
        rgb = torch.from_numpy(image[..., ::-1].copy()).movedim(2, 0)[None] / 127.5 - 1
        with torch.no_grad():
            made = model.generator_s2t(rgb, (104, 96)).image[0]
        expected = ((made + 1) * 127.5).round().clamp(0, 255).byte().movedim(0, 2).numpy()
        found = cv2.imread(str(translated / 'Train/Urban/images_png' / path.name))
        assert found.shape == (104, 96, 3)
        assert np.abs(found[..., ::-1].astype(int) - expected).max() <= 1  # rounding
        assert (found[..., ::-1] == expected).mean() > 0.999


def test_labels_are_of_the_nearest_place_and_depth_of_those_around(translated, sample):
    name = images(sample)[0].name
    labels = cv2.imread(str(sample / 'Train/Urban/masks_png' / name), cv2.IMREAD_UNCHANGED)
    found = cv2.imread(str(translated / 'Train/Urban/masks_png' / name), cv2.IMREAD_UNCHANGED)
    rows, columns = (
        ((np.arange(size) + 0.5) * 128 / size).astype(int) for size in found.shape
    )  # centres
    assert found.shape == (104, 96)
    np.testing.assert_array_equal(found, labels[rows][:, columns])

    depth = read_depth(sample / 'Train/Urban/rdepth/synthetic' / name)
    ours = read_depth(translated / 'Train/Urban/rdepth/synthetic' / name)
    theirs = cv2.resize(depth, (96, 104), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_a_place_without_depth_does_not_blend_into_others(checkpoint, options, sample, tmp_path):
    root = copy_set(sample, tmp_path / 'holes')
    for path in (root / 'Train/Urban/rdepth/synthetic').glob('*.png'):
        codes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        # Row 49 of the result lies between rows 60 and 61.
        codes[:61] = 0
        codes[61:] = 40000
        cv2.imwrite(str(path), codes)
    changed = options | {'translate_dataset.data_root': str(root)}
    translate(CONFIG, checkpoint, tmp_path / 'out', cfg_options=changed)
    for path in (tmp_path / 'out/Train/Urban/rdepth/synthetic').glob('*.png'):
        codes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert set(np.unique(codes)) <= {0, 40000}
        assert (codes[:50] == 0).all() and (codes[50:] == 40000).all()


def copy_set(sample, to):
    for folder in ('images_png', 'masks_png', 'rdepth/synthetic'):
        (to / 'Train/Urban' / folder).mkdir(parents=True)
        for path in (sample / 'Train/Urban' / folder).iterdir():
            (to / 'Train/Urban' / folder / path.name).write_bytes(path.read_bytes())
    return to


def test_it_says_how_it_was_made(translated, checkpoint, sample):
    said = json.loads((translated / TRANSLATION).read_text())
    assert said['config'] == CONFIG
    assert said['checkpoint']['file'] == str(checkpoint)
    assert said['source'] == str(sample)
    assert (said['seed'], said['size'], said['tiles']) == (5, [104, 96], 12)
    assert said['finished'] is True

    class Set(list):
        data_root = str(translated)

    assert describe_dataset(Set())['translation']['checkpoint'] == said['checkpoint']


def test_what_is_there_is_left_and_what_is_missing_is_made(
    translated, checkpoint, options, tmp_path
):
    out = tmp_path / 'again'
    translate(CONFIG, checkpoint, out, batch_size=3, cfg_options=options)
    assert files(out) == files(translated)
    paths = sorted(out.rglob('*.png'))
    gone, kept = paths[::5], [path for n, path in enumerate(paths) if n % 5]
    for path in gone:
        path.unlink()
    changed = kept[0]
    changed.write_bytes(b'kept')
    tiles = {path.name for path in gone}
    said = []
    translate(CONFIG, checkpoint.parent, out, 3, options, progress=lambda *step: said.append(step))
    assert said[-1] == (12, 12)
    now = files(out)
    # A tile of which a part is missing is made whole again.
    assert now.keys() == files(translated).keys()
    for name, content in files(translated).items():
        if name == str(changed.relative_to(out)) and changed.name not in tiles:
            assert now[name] == b'kept'
        elif 'images' not in name:
            assert now[name] == content


@pytest.mark.parametrize(
    'wrong, said',
    [
        (dict(cfg_options={'model.target_size': (64, 64)}), r'with size \[104, 96\]'),
        (dict(batch_size=0), '--batch-size 0'),
        (dict(config='configs/sample/upernet_tiny_u2r.py'), 'has no translate_dataset'),
        (dict(checkpoint='nothing.pth'), 'nothing.pth'),
        (dict(checkpoint='tests'), 'tests holds no checkpoint'),
        (dict(launcher='pytorch'), 'torchrun'),
    ],
)
def test_mistakes(wrong, said, translated, checkpoint, options):
    given = dict(config=CONFIG, checkpoint=checkpoint, out=translated)
    merged = options | wrong.pop('cfg_options', {})
    if 'config' in wrong:
        merged = {}
    with pytest.raises(UserError, match=said):
        translate(**given | wrong, cfg_options=merged)


def test_it_does_not_mix_translations_or_write_among_other_files(
    translated, model, options, sample, tmp_path
):
    other = tmp_path / 'other.pth'
    changed = {key: value + 1e-3 for key, value in model.state_dict().items()}
    torch.save(dict(state_dict=changed), other)
    with pytest.raises(UserError, match='by another checkpoint'):
        translate(CONFIG, other, translated, cfg_options=options)
    with pytest.raises(UserError, match='holds other files'):
        translate(CONFIG, other, sample, cfg_options=options)
    torch.save(dict(state_dict={'weight': torch.zeros(1)}), other)
    with pytest.raises(UserError, match='does not fit the model'):
        translate(CONFIG, other, tmp_path / 'new', cfg_options=options)
    assert not os.path.exists(tmp_path / 'new'), 'the right checkpoint would be refused there'


def test_areas_are_chosen_once_for_the_training_and_the_translation():
    cfg = load_config(
        'configs/drdg/drdg_potsdam2vaihingen.py',
        {'+train_dataloader.dataset.source.areas': ['2_10', '6_7']},
    )
    described = _source_config(cfg)
    assert described['areas'] == ['2_10', '6_7']
    expected = cfg.translate_dataset.to_dict()
    assert {key: value for key, value in described.items() if key != 'areas'} == expected


def test_more_than_three_bands_are_written_in_the_order_in_which_they_are_read(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 5), np.uint8)
    info = dict(img_path=str(tmp_path / 'in/a.png'), seg_map_path=None, depth_path=None)
    dataset = SimpleNamespace(data_root=str(tmp_path / 'in'), get_data_info=lambda index: info)
    tile = _Tile(dataset, 0, tmp_path / 'out', '.tif')
    _write(tile, image)
    read = LoadMultibandImage()(dict(img_path=str(tmp_path / 'out/a.tif')))['img']
    assert np.array_equal(read, image)
