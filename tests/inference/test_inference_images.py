"""The calls of a user of mmseg work: Config, Runner, init_model, and inference_model with paths
and arrays, one at a time, in lists, and in any order."""

import shutil
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import PIL.Image
import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner
from mmseg.apis import inference_model, init_model
from refusals import refusal

from depthda.datasets.loveda import LoveDARGBD
from depthda.errors import UserError
from depthda.inference.images import prepare_images

CONFIGS = Path(__file__).parents[2] / 'configs' / 'sample'


@pytest.fixture(scope='module')
def checkpoint(tmp_path_factory, short_run):
    """Train as with mmseg, by Config and Runner."""
    cfg = Config.fromfile(CONFIGS / 'depthda_tiny_u2r.py')
    cfg.merge_from_dict(short_run | {'train_cfg.max_iters': 2})
    cfg.work_dir = str(tmp_path_factory.mktemp('run'))
    Runner.from_cfg(cfg).train()
    return f'{cfg.work_dir}/iter_2.pth'


@pytest.fixture(scope='module')
def models(checkpoint):
    torch.manual_seed(0)
    weights = dict(depthda=checkpoint, upernet=None, depthseg=None)
    configs = {name: str(CONFIGS / f'{name}_tiny_u2r.py') for name in weights}
    return {name: init_model(configs[name], weights[name], device='cpu') for name in weights}


@pytest.fixture(scope='module')
def loveda(sample):
    """Return the path of a tile in LoveDA's folders, and its array with depth last."""
    path = sorted((sample / 'Test/Rural/images_png').iterdir())[0]
    return path, stacked(path, path.parents[1] / 'rdepth/synthetic' / path.name)


def stacked(image, depth):
    depth = cv2.imread(str(depth), cv2.IMREAD_UNCHANGED) / 65535
    return np.dstack([cv2.imread(str(image)), depth]).astype(np.float32)


def logits(model, image):
    return inference_model(model, image).seg_logits.data


def test_paths_and_arrays_in_any_order_and_number(models, loveda):
    """A call does not affect the next one."""
    path, array = loveda
    model = models['depthda']
    pipeline = [dict(step) for step in model.cfg.test_pipeline]
    expected = logits(model, str(path))
    assert expected.shape == (7, 128, 128) and expected.std() > 0
    for image in (array, str(path), path, array, str(path)):
        assert torch.equal(logits(model, image), expected)
    for several in ([array, array], [str(path), path], [path, array], (array, str(path))):
        results = inference_model(model, several)
        assert len(results) == 2
        for sample in results:
            torch.testing.assert_close(sample.seg_logits.data, expected, rtol=1e-4, atol=1e-5)
    assert [dict(step) for step in model.cfg.test_pipeline] == pipeline
    other = array.copy()
    other[..., 3] = 1 - other[..., 3]
    assert not torch.equal(logits(model, other), expected)
    # The checkpoint has the classes and colours.
    assert model.dataset_meta['classes'][1] == 'building'
    assert len(model.dataset_meta['palette']) == 7


@pytest.mark.parametrize('images, depth', [('images', 'rdepth/synthetic'), ('rgb', 'depth')])
def test_depth_is_found_next_to_an_image_folder_of_any_name(
    models, loveda, tmp_path, images, depth
):
    """In a prepared dataset, images are in ``images`` and depth maps in ``depth``."""
    path, _ = loveda
    image, map_path = tmp_path / images / 'a.png', tmp_path / depth / 'a.png'
    for source, target in ((path, image), (path.parents[1] / 'rdepth/synthetic', map_path)):
        target.parent.mkdir(parents=True)
        shutil.copy(source if source.is_file() else source / path.name, target)
    model = models['depthda']
    steps = {step['type']: step for step in model.cfg.test_pipeline}
    before, steps['LoadDepth']['folder'] = steps['LoadDepth']['folder'], depth
    try:
        assert torch.equal(logits(model, str(image)), logits(model, loveda[1]))
    finally:
        steps['LoadDepth']['folder'] = before
    map_path.unlink()
    if depth == before:
        assert (
            refusal(inference_model, model, str(image))
            == f'{image} has no depth map {map_path} (or .tif): add it'
        )


@pytest.mark.parametrize('name', ['upernet', 'depthseg'])
def test_models_of_the_optical_bands_take_images_with_and_without_depth(
    models, loveda, tmp_path, name
):
    path, array = loveda
    expected = logits(models[name], array[..., :3].astype(np.uint8))
    alone = shutil.copy(path, tmp_path / 'scene.png')  # outside of a dataset, without a depth map
    for image in (str(path), str(alone), array, array[..., :3]):
        assert torch.equal(logits(models[name], image), expected)


def test_wrong_images_are_refused(models, loveda, checkpoint, tmp_path):
    path, array = loveda
    for image, message in (
        (tmp_path / 'no.png', f'there is no image {tmp_path}/no.png: pass the path of a file, or'),
        ([], 'inference_model got an empty list: pass at least one image.'),
        (array[..., :3], "this model's pipeline needs depth as the last channel: pass an H×W×4"),
        ([array, array[:64]], r'sizes .* cannot share a batch'),
    ):
        with pytest.raises(UserError, match=message):
            inference_model(models['depthda'], image)
    # An error does not affect the next call.
    assert torch.equal(logits(models['depthda'], path), logits(models['depthda'], array))
    with pytest.raises(UserError, match=r'^init_model\(best.pth, …\): the first argument'):
        init_model('best.pth', 'config.py', device='cpu')
    other = 'does not fit the model.*not in the model .backbone.depth'
    with pytest.raises(UserError, match=other):
        init_model(str(CONFIGS / 'upernet_tiny_u2r.py'), checkpoint, device='cpu')


def test_a_path_listed_after_an_array_is_read_with_all_four_bands(tmp_path):
    """With an array first, mmseg would replace the config's loader by one for three bands."""
    bands = np.random.default_rng(0).integers(1, 256, (8, 8, 4), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / 'a.png'), bands)

    steps = [dict(type='LoadMultibandImage'), dict(type='LoadDepth', optical_bands=4)]
    model = SimpleNamespace(cfg=Config(dict(test_pipeline=[*steps, dict(type='PackSegInputs')])))
    batch, is_list = prepare_images([bands, str(tmp_path / 'a.png')], model)
    assert is_list and len(batch['inputs']) == 2
    for image in batch['inputs']:
        assert np.array_equal(image.numpy().transpose(1, 2, 0), bands)


def test_a_plain_state_dict_gets_the_classes_of_the_config(models, tmp_path, loveda):
    torch.save(models['depthda'].state_dict(), tmp_path / 'plain.pth')
    config = str(CONFIGS / 'depthda_tiny_u2r.py')
    model = init_model(config, str(tmp_path / 'plain.pth'), device='cpu')
    assert list(model.dataset_meta['classes']) == list(LoveDARGBD.METAINFO['classes'])
    assert torch.equal(logits(model, loveda[0]), logits(models['depthda'], loveda[0]))


def test_a_model_without_a_checkpoint_warns():
    with pytest.warns(UserWarning, match='without a checkpoint, the head has random weights'):
        init_model(str(CONFIGS / 'upernet_tiny_u2r.py'), device='cpu')


@pytest.mark.skipif(torch.cuda.is_available(), reason='needs a machine without a GPU')
def test_a_missing_device_is_named():
    with pytest.raises(UserError) as caught:
        init_model(str(CONFIGS / 'upernet_tiny_u2r.py'))
    message = "init_model: device='cuda:0', but torch finds no GPU: use device='cpu'."
    assert str(caught.value) == message


def test_arrays_in_other_units_are_refused(models, loveda):
    array = loveda[1]
    for change, sentence in (
        (
            lambda a: a.astype(np.uint8),
            'the image array has type uint8, which cannot hold depth between 0 and 1: stack image '
            'and depth as float32',
        ),
        (
            lambda a: np.dstack([a[..., :3], -a[..., 3:]]),
            f'the last of the 4 channels has values from {-array[..., 3].max():g} to '
            f'{-array[..., 3].min():g}, but it should be depth in (0, 1], or 0 for no depth: '
            'rescale it',
        ),
        (
            lambda a: np.where(a == a[0, 0, 3], np.nan, a),
            'the depth of the image array contains NaN: use 0 where there is no depth',
        ),
        (
            lambda a: PIL.Image.fromarray(a[..., :3].astype(np.uint8)),
            'inference_model accepts paths and arrays, not Image: pass a path, or an array '
            'with the colours in the order of cv2.imread (blue first).',
        ),
        (
            lambda a: np.dstack([a[..., :3] / 255, a[..., 3:]]),
            f'the bands of the image array range from {array[..., :3].min() / 255:g} to '
            f'{array[..., :3].max() / 255:g}, but the model expects the values of the files '
            '(mean 123.675): do not rescale them.',
        ),
    ):
        assert refusal(inference_model, models['depthda'], change(array)) == sentence
