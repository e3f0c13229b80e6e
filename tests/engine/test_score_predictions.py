"""Index maps of other code: scored as the model's own, refused in one sentence otherwise."""

import runpy
import shutil
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
from PIL import Image
from refusals import refusal

from depthda.engine.launch import test
from depthda.engine.score_predictions import score_predictions
from depthda.errors import UserError
from depthda.evaluation.tile_counts import load_tiles
from depthda.experiments.comparison.compare import compare
from depthda.experiments.page.page import make_page
from depthda.io.files import read_json

test.__test__ = False  # keep pytest from collecting this imported function

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / 'configs' / 'sample' / 'upernet_tiny_u2r.py'


@pytest.fixture(scope='module')
def tested(sample, tmp_path_factory):
    """The test of a model, and the maps that it wrote."""
    init_default_scope('mmseg')
    folder = tmp_path_factory.mktemp('tested')
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(CONFIG).model)
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)  # several classes are predicted
    torch.save({'state_dict': model.state_dict()}, folder / 'start.pth')
    work_dir = folder / 'model'
    results = test(
        CONFIG,
        folder / 'start.pth',
        work_dir=str(work_dir),
        out=str(work_dir / 'predictions'),
        cfg_options=options(sample),
    )
    return results, work_dir


def options(sample):
    return {
        f'{name}_dataloader.dataset.data_root': str(sample) for name in ('train', 'val', 'test')
    }


@pytest.fixture
def maps(tested, tmp_path):
    """A copy of the maps, for tests to damage."""
    return Path(shutil.copytree(tested[1] / 'predictions', tmp_path / 'maps'))


def test_the_maps_of_a_model_score_as_the_model(tested, maps, sample, tmp_path):
    """Scores and counts to the last digit, compared and shown on one page."""
    expected, model = tested
    results = score_predictions(CONFIG, maps, str(tmp_path / 'given'), None, options(sample))
    assert results['scores'] == expected['scores'] and results['report'] == expected['report']
    assert results['tested_on'] == expected['tested_on']
    assert results['checkpoint'] is None and len(results['scores']) > 6
    assert results['predictions']['folder'] == str(maps) and results['predictions']['files'] == 3
    assert read_json(tmp_path / 'given/metrics.json') == results
    counts, of_model = load_tiles(tmp_path / 'given/tiles.npz'), load_tiles(model / 'tiles.npz')
    assert np.array_equal(counts.counts, of_model.counts)
    assert counts.names.tolist() == of_model.names.tolist()
    assert counts.cells() == of_model.cells() == [('Rural', 'Test')] * 3

    gain = compare(model, tmp_path / 'given', resamples=10)
    assert gain['mIoU']['difference'] == 0
    page = make_page([model, tmp_path / 'given'], out=tmp_path / 'page.html', tiles=1)
    assert page.missing == []
    text = (tmp_path / 'page.html').read_text()
    assert 'errors of given' in text and 'none, because saved predictions were scored' in text


def test_a_page_says_how_to_restore_the_pictures(maps, sample, tmp_path):
    score_predictions(CONFIG, maps, str(tmp_path / 'given'), None, options(sample))
    shutil.rmtree(tmp_path / 'given/predictions')
    page = make_page([tmp_path / 'given'], out=tmp_path / 'page.html', tiles=1)
    (sentence,) = page.missing
    assert sentence.startswith('given has no saved predictions. Run ')
    assert f'depthda test {CONFIG} --predictions {maps} --work-dir' in sentence


def test_palettes_tiffs_and_colours(tested, maps, sample, tmp_path):
    """Other ways of writing the same indices, and the pictures of --show-dir."""
    first, second, third = sorted(maps.iterdir())
    indices = [cv2.imread(str(path), cv2.IMREAD_UNCHANGED) for path in (first, second, third)]
    palette = Image.fromarray(indices[0], 'P')
    palette.putpalette([7 * i % 256 for i in range(768)])
    palette.save(first)
    second.unlink()
    cv2.imwrite(str(second.with_suffix('.tif')), indices[1].astype(np.uint16))
    (maps / 'notes.txt').write_text('not a map')
    work_dir, colours = str(tmp_path / 'given'), str(tmp_path / 'colours')
    results = score_predictions(CONFIG, maps, work_dir, colours, options(sample))
    assert results['report'] == tested[0]['report']
    kept = cv2.imread(str(tmp_path / 'given/predictions' / first.name), cv2.IMREAD_UNCHANGED)
    assert np.array_equal(kept, indices[0])
    assert len(list((tmp_path / 'colours').iterdir())) == 3


def test_faulty_maps_leave_nothing_behind(maps, sample, tmp_path):
    cv2.imwrite(str(sorted(maps.iterdir())[0]), np.zeros((64, 32), np.uint8))
    with pytest.raises(UserError, match='cannot be scored: 32×64 pixels instead of 128×1'):
        score_predictions(CONFIG, maps, str(tmp_path / 'given'), None, options(sample))
    assert [path.name for path in tmp_path.iterdir()] == ['maps']


def test_maps_without_the_first_class_are_scored_with_a_warning(
    maps, sample, tmp_path, monkeypatch
):
    lines = []
    monkeypatch.setattr('depthda.engine.score_predictions.warn', lines.append)
    for path in maps.iterdir():
        cv2.imwrite(str(path), np.full((128, 128), 3, np.uint8))
    score_predictions(CONFIG, maps, str(tmp_path / 'given'), None, options(sample))
    assert lines == [
        f'no pixel in {maps} has class 0 (background): if the maps number their classes from 1, '
        'subtract 1 and score them again'
    ]


@pytest.mark.parametrize(
    'key, value, message',
    [
        (
            'headline',
            'Rurall',
            "test_evaluator.headline='Rurall' is not a group of the test dataset: use one of "
            'all, Rural, Test, Test/Rural.',
        ),
        ('aggregate', 'batch', "aggregate='batch' must be 'global' or 'per_batch'."),
        ('printed', ['x'], "printed=['x'] of SegmentationMetric is unknown: use ['OA', 'Kappa']."),
        (
            'prefi',
            'x',
            "test_evaluator: SegmentationMetric has no argument 'prefi'; did you mean 'prefix'?",
        ),
    ],
)
def test_a_metric_that_cannot_score_is_refused_before_an_image_is_read(
    maps, sample, tmp_path, monkeypatch, key, value, message
):
    # Not reached.
    monkeypatch.setattr('depthda.evaluation.given_predictions.check_predictions', None)
    changed = options(sample) | {f'+test_evaluator.{key}': value}
    work_dir = str(tmp_path / 'given')
    assert refusal(score_predictions, CONFIG, maps, work_dir, None, changed) == message
    assert [path.name for path in tmp_path.iterdir()] == ['maps']


def test_images_without_labels_are_for_the_server(maps, sample, tmp_path):
    server = CONFIG.with_name('upernet_tiny_u2r-server.py')
    data = {'test_dataloader.dataset.data_root': str(sample)}
    assert refusal(score_predictions, server, maps, str(tmp_path), None, data) == (
        f'the test images of {server} have no labels, so predictions cannot be scored: use a '
        'config of the local protocol, or pack the predictions for the server with depthda '
        'submission.'
    )


EITHER = 'pass either a checkpoint to test, or --predictions DIR to score.'


@pytest.mark.parametrize(
    'words, message',
    [
        ([], EITHER),
        (['a.pth', '--predictions', 'maps'], EITHER),
        (
            ['--predictions', 'maps', '--tta', '--save-depth', 'x'],
            '--predictions scores existing maps: leave out --save-depth, --tta.',
        ),
        (
            ['--predictions', 'maps', '--launcher', 'pytorch'],
            '--predictions runs in one process: leave out --launcher.',
        ),
        (['--predictions', 'x'], '--predictions x is not a folder: pass the folder of index maps.'),
    ],
)
def test_wrong_arguments_are_refused(words, message, sample, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    data = [f'{key}={value}' for key, value in options(sample).items()]
    monkeypatch.setattr(sys, 'argv', ['tools/test.py', str(CONFIG), *words, '--cfg-options', *data])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_path(str(ROOT / 'tools/test.py'), run_name='__main__')
    assert stopped.value.code == 2
    assert capsys.readouterr().err.splitlines()[-1] == f'error: {message}'
    assert not list(tmp_path.iterdir())
