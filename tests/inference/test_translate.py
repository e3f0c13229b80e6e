"""The content of a translated dataset, and the effect of a second run."""

import json
import os
import shutil
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import DATASETS, MODELS
from refusals import refusal

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


def images(sample):
    return sorted((sample / 'Train/Urban/images_png').glob('*.png'))


def test_images_are_the_output_of_the_generator(translated, model, sample):
    for path in images(sample)[:4]:
        image = cv2.imread(str(path))
        rgb = torch.from_numpy(image[..., ::-1].copy()).movedim(2, 0)[None] / 127.5 - 1
        with torch.no_grad():
            made = model.generator_s2t(rgb, (104, 96)).image[0]
        expected = ((made + 1) * 127.5).round().clamp(0, 255).byte().movedim(0, 2).numpy()
        written = cv2.imread(str(translated / 'Train/Urban/images_png' / path.name))
        assert written.shape == (104, 96, 3)
        assert np.abs(written[..., ::-1].astype(int) - expected).max() <= 1  # rounding
        # On a GPU, the convolutions of the translation are in TF32, unlike those of the reference.
        equal = 0.99 if torch.cuda.is_available() else 0.999
        assert (written[..., ::-1] == expected).mean() > equal


def test_labels_are_resized_by_nearest_neighbour_and_depth_bilinearly(translated, sample):
    name = images(sample)[0].name
    labels = cv2.imread(str(sample / 'Train/Urban/masks_png' / name), cv2.IMREAD_UNCHANGED)
    resized = cv2.imread(str(translated / 'Train/Urban/masks_png' / name), cv2.IMREAD_UNCHANGED)
    centres = ((np.arange(size) + 0.5) * 128 / size for size in resized.shape)
    rows, columns = (centre.astype(int) for centre in centres)
    assert resized.shape == (104, 96)
    np.testing.assert_array_equal(resized, labels[rows][:, columns])

    depth = read_depth(sample / 'Train/Urban/rdepth/synthetic' / name)
    resized = read_depth(translated / 'Train/Urban/rdepth/synthetic' / name)
    expected = cv2.resize(depth, (96, 104), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(resized, expected, atol=2e-5)


def test_pixels_without_depth_are_not_blended_with_others(checkpoint, options, sample, tmp_path):
    root = tmp_path / 'holes'
    shutil.copytree(sample / 'Train/Urban', root / 'Train/Urban')
    for path in (root / 'Train/Urban/rdepth/synthetic').glob('*.png'):
        codes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        # Row 49 of the result is interpolated between rows 60 and 61.
        codes[:61] = 0
        codes[61:] = 40000
        cv2.imwrite(str(path), codes)
    changed = options | {'translate_dataset.data_root': str(root)}
    translate(CONFIG, checkpoint, tmp_path / 'out', cfg_options=changed)
    for path in (tmp_path / 'out/Train/Urban/rdepth/synthetic').glob('*.png'):
        codes = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert set(np.unique(codes)) <= {0, 40000}
        assert (codes[:50] == 0).all() and (codes[50:] == 40000).all()


def test_names_are_those_of_the_source_and_the_manifest_records_how_it_was_made(
    translated, checkpoint, sample
):
    # Only Train/Urban, with labels and depth.
    folders = ('images_png', 'masks_png', 'rdepth/synthetic')
    expected = {f'Train/Urban/{f}/{p.name}' for f in folders for p in images(sample)}
    assert files(translated).keys() == expected and len(expected) == 3 * 12
    manifest = json.loads((translated / TRANSLATION).read_text())
    assert manifest['checkpoint']['file'] == str(checkpoint)
    expected = dict(config=CONFIG, source=str(sample), seed=5, size=[104, 96], tiles=12)
    assert manifest | expected | dict(finished=True) == manifest

    class Dataset(list):
        data_root = str(translated)

    assert describe_dataset(Dataset())['translation']['checkpoint'] == manifest['checkpoint']


def test_finished_tiles_are_kept_and_missing_ones_are_translated(
    translated, checkpoint, options, tmp_path
):
    out = tmp_path / 'again'
    translate(CONFIG, checkpoint, out, batch_size=3, cfg_options=options)
    made, expected = files(out), files(translated)
    assert made.keys() == expected.keys()
    for name, content in made.items():
        if torch.cuda.is_available() and 'images' in name:  # sums are in another order each time
            pixels, wanted = (cv2.imread(str(root / name)) for root in (out, translated))
            assert np.abs(pixels.astype(int) - wanted).max() <= 1
        else:
            assert content == expected[name]
    paths = sorted(out.rglob('*.png'))
    gone, kept = paths[::5], [path for n, path in enumerate(paths) if n % 5]
    for path in gone:
        path.unlink()
    changed = kept[0]
    changed.write_bytes(b'kept')
    tiles = {path.name for path in gone}
    steps = []
    translate(CONFIG, checkpoint.parent, out, 3, options, progress=lambda *step: steps.append(step))
    assert steps[0] == (12 - len(tiles), 12) and steps[-1] == (12, 12)
    after = files(out)
    # A tile that lacks one of its files is translated again.
    assert after.keys() == files(translated).keys()
    for name, content in files(translated).items():
        if name == str(changed.relative_to(out)) and changed.name not in tiles:
            assert after[name] == b'kept'
        elif 'images' not in name:
            assert after[name] == content


@pytest.mark.parametrize(
    'wrong, message',
    [
        (dict(cfg_options={'model.target_size': (64, 64)}), r'with size \[104, 96\]'),
        (dict(batch_size=0), '--batch-size 0'),
        (dict(config='configs/sample/upernet_tiny_u2r.py'), 'has no translate_dataset'),
        (dict(checkpoint='nothing.pth'), 'nothing.pth'),
        (dict(checkpoint='tests'), 'tests contains no checkpoint'),
        (dict(launcher='pytorch'), 'torchrun'),
    ],
)
def test_mistakes(wrong, message, translated, checkpoint, options):
    arguments = dict(config=CONFIG, checkpoint=checkpoint, out=translated)
    merged = {} if 'config' in wrong else options | wrong.pop('cfg_options', {})
    with pytest.raises(UserError, match=message):
        translate(**arguments | wrong, cfg_options=merged)


def test_folders_of_other_translations_or_files_are_refused(
    translated, model, options, sample, tmp_path
):
    other = tmp_path / 'other.pth'
    changed = {key: value + 1e-3 for key, value in model.state_dict().items()}
    torch.save(dict(state_dict=changed), other)
    with pytest.raises(UserError, match='by another checkpoint'):
        translate(CONFIG, other, translated, cfg_options=options)
    with pytest.raises(UserError, match='contains other files'):
        translate(CONFIG, other, sample, cfg_options=options)
    torch.save(dict(state_dict={'weight': torch.zeros(1)}), other)
    with pytest.raises(UserError, match='does not fit the model'):
        translate(CONFIG, other, tmp_path / 'new', cfg_options=options)
    assert not os.path.exists(tmp_path / 'new'), 'the folder of a failed run would be refused later'


@pytest.mark.parametrize(
    'name, used', [('drdg_tiny_u2r_20261125_181746', ' (drdg_tiny_u2r.py)'), ('', '')]
)
def test_a_checkpoint_translates_only_the_domain_it_was_trained_on(
    model, options, tmp_path, name, used
):
    path, config = tmp_path / 'u2r.pth', 'configs/sample/drdg_tiny_r2u.py'
    urban, rural = (dict(type='LoveDARGBD', domains=[domain]) for domain in ('Urban', 'Rural'))
    meta = dict(experiment_name=name, trained_on=dict(source=urban, target=rural))
    torch.save(dict(state_dict=model.state_dict(), meta=meta), path)
    assert refusal(translate, config, path, tmp_path / 'out', cfg_options=options) == (
        f'{path} translates images of Urban, but the translate_dataset of {config} has images '
        f'of Rural: use the config that the checkpoint was trained with{used}.'
    )
    assert not (tmp_path / 'out').exists()
    assert translate(CONFIG, path, tmp_path / 'out', cfg_options=options)['finished']


def test_one_key_selects_the_areas_of_training_and_translation():
    options = {'+train_dataloader.dataset.source.areas': ['2_10', '6_7']}
    cfg = load_config('configs/drdg/drdg_potsdam2vaihingen.py', options)
    described = _source_config(cfg)
    assert described['areas'] == ['2_10', '6_7']
    expected = cfg.translate_dataset.to_dict()
    assert {key: value for key, value in described.items() if key != 'areas'} == expected


def test_models_read_the_surface_model_of_translated_potsdam(tmp_path, checkpoint):
    root, tile = tmp_path / 'potsdam', '2_10_0_0_128_128.png'
    codes = np.random.default_rng(1).integers(1, 65536, (128, 128), np.uint16)
    for folder, array in (
        ('images_irrg', np.zeros((128, 128, 3), np.uint8)),
        ('labels', (codes % 6).astype(np.uint8)),
        ('dsm', codes),
    ):
        (root / folder).mkdir(parents=True)
        cv2.imwrite(str(root / folder / tile), array)
    translation, translated = tmp_path / 'tiny.py', tmp_path / 'translated'
    pairs = 'datasets/potsdam2vaihingen-pairs-896x896-512x512'
    bases = [os.path.abspath(f'configs/_base_/{n}.py') for n in ('models/drdg_tiny', pairs)]
    translation.write_text(f'_base_ = {bases}\n')
    options = {'translate_dataset.data_root': str(root), '+translate_dataset.areas': ['2_10']}
    options['model.target_size'] = (64, 96)
    translate(translation, checkpoint, translated, cfg_options=options)

    depth = read_depth(root / 'dsm' / tile)
    expected = cv2.resize(depth, (96, 64), interpolation=cv2.INTER_LINEAR)
    for network in ('depthda', 'depth_guided'):
        name = f'{network}_convnext-b-s_1xb4-40k_potsdam2vaihingen-translated-512x512'
        cfg = load_config(f'configs/{network}/{name}.py')
        dataset = cfg.train_dataloader.dataset | dict(data_root=str(translated))
        (plain,) = DATASETS.build(dataset | dict(pipeline=cfg.test_pipeline))
        np.testing.assert_allclose(plain['inputs'][3], expected, atol=2e-5)
        (sample,) = DATASETS.build(dataset)  # the crop is larger, and flips keep the values
        values = [np.sort(each['inputs'][3].numpy(), axis=None) for each in (sample, plain)]
        np.testing.assert_array_equal(*values)


def test_more_than_three_bands_keep_their_order(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 5), np.uint8)
    info = dict(img_path=str(tmp_path / 'in/a.png'), seg_map_path=None, depth_path=None)
    dataset = SimpleNamespace(data_root=str(tmp_path / 'in'), get_data_info=lambda index: info)
    tile = _Tile(dataset, 0, tmp_path / 'out', '.tif')
    _write(tile, image)
    read = LoadMultibandImage()(dict(img_path=str(tmp_path / 'out/a.tif')))['img']
    assert np.array_equal(read, image)
