import cv2
import numpy as np
import pytest
import torch
from PIL import Image

from depthda.errors import UserError
from depthda.evaluation import prediction_writer
from depthda.evaluation.prediction_writer import PredictionWriter

PALETTE = [[255, 255, 255], [255, 0, 0], [255, 255, 0], [0, 0, 255], [159, 129, 183]]


def writer(**kwargs):
    metric = PredictionWriter(**{key: str(value) for key, value in kwargs.items()})
    metric.dataset_meta = dict(classes=tuple('abcde'), palette=PALETTE)
    return metric


def sample(img_path, seed=0):
    pred = torch.randint(0, 5, (1, 6, 8), generator=torch.Generator().manual_seed(seed))
    return dict(img_path=img_path, pred_sem_seg=dict(data=pred), reduce_zero_label=True)


def test_predicted_classes_are_written_as_8_bit_grey(tmp_path):
    metric = writer(out_dir=tmp_path / 'maps')
    prediction = sample('/set/Test/Rural/images_png/4191.tif')
    metric.process(None, [prediction])
    assert metric.evaluate(1) == {}
    assert [path.name for path in (tmp_path / 'maps').iterdir()] == ['4191.png']
    with Image.open(tmp_path / 'maps' / '4191.png') as image:
        assert image.mode == 'L'
        np.testing.assert_array_equal(np.asarray(image), prediction['pred_sem_seg']['data'][0])


def test_colours_are_those_of_the_palette(tmp_path):
    metric = writer(color_dir=tmp_path)
    prediction = sample('4191.png')
    metric.process(None, [prediction])
    with Image.open(tmp_path / '4191.png') as image:
        colours = np.asarray(image)
    np.testing.assert_array_equal(colours, np.array(PALETTE)[prediction['pred_sem_seg']['data'][0]])


def test_two_images_with_the_same_name_are_refused(tmp_path):
    metric = writer(out_dir=tmp_path)
    metric.process(None, [sample('/Rural/1.png', 1)])
    with pytest.raises(UserError, match=r'/Rural/1.png and /Urban/1.png'):
        metric.process(None, [sample('/Urban/1.png', 2)])
    # The first does not change.
    written = cv2.imread(str(tmp_path / '1.png'), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(written, sample('', 1)['pred_sem_seg']['data'][0])


def test_an_image_may_be_repeated_and_a_new_run_starts_from_nothing(tmp_path):
    metric = writer(out_dir=tmp_path)
    metric.process(None, [sample('/Rural/1.png'), sample('/Rural/1.png')])
    metric.evaluate(1)
    metric.process(None, [sample('/Urban/1.png')])
    metric.evaluate(1)


def test_equal_names_on_two_ranks_are_refused_at_the_end(tmp_path, monkeypatch):
    metric = writer(out_dir=tmp_path)
    metric.process(None, [sample('/Rural/1.png')])
    other = {'1': '/Urban/1.png'}
    monkeypatch.setattr(prediction_writer, 'all_gather_object', lambda written: [written, other])
    with pytest.raises(UserError, match='/Urban/1.png'):
        metric.evaluate(2)


def test_mistakes_are_explained(tmp_path):
    with pytest.raises(UserError, match='nowhere'):
        PredictionWriter()
    with pytest.raises(UserError, match='set different folders'):
        writer(out_dir=tmp_path, color_dir=tmp_path)
    prediction = sample('7.png')
    prediction['pred_sem_seg']['data'][0, 0, 0] = 5
    with pytest.raises(UserError, match='7.png.*num_classes'):
        writer(out_dir=tmp_path).process(None, [prediction])
    assert not list(tmp_path.iterdir())
