import copy

import numpy as np
import pytest
import torch
from labelled_samples import labelled
from mmengine.config import Config
from mmengine.model import ExponentialMovingAverage
from mmengine.runner.checkpoint import load_state_dict as load_by_mmengine
from mmseg.apis import inference_model, init_model
from mmseg.models import EncoderDecoder, SegTTAModel
from mmseg.registry import MODELS

import depthda.models.backbones.dual_backbone
import depthda.models.backbones.transformers_backbone
import depthda.models.necks.fusion
import depthda.models.preprocessor  # noqa: F401  all four register
from depthda.errors import UserError
from depthda.models.segmentors import depth_guided
from depthda.models.segmentors.depth_guided import DepthGuidedEncoderDecoder


def batch(num, height, width, channels=4):
    inputs = [torch.rand(channels, height, width) for _ in range(num)]
    for image in inputs:
        image[:3] *= 255
        image[3:, 5:9, 5:9] = 0  # no depth here
    labels = torch.randint(0, 5, (num, height, width))
    labels[:, :3] = 255
    return dict(inputs=inputs, data_samples=labelled(labels, img_path='i'))


def test_every_parameter_gets_a_finite_gradient_where_depth_is_missing(tiny_model):
    model = MODELS.build(tiny_model())
    model.init_weights()
    data = model.data_preprocessor(batch(2, 64, 60), training=True)
    assert torch.isnan(data['inputs'][:, 3]).any()
    losses = model(**data, mode='loss')
    assert set(losses) == {'decode.loss_ce', 'decode.acc_seg', 'aux.loss_ce', 'aux.acc_seg'}
    (losses['decode.loss_ce'] + losses['aux.loss_ce']).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all() and parameter.grad.abs().sum() > 0, name


@torch.no_grad()
def test_predictions_equal_those_of_mmseg(tiny_model, monkeypatch):
    config = tiny_model(mode='slide', crop_size=(48, 48), stride=(32, 40), window_batch=3)
    model = MODELS.build(config).eval()
    model.decode_head.conv_seg.weight.data *= 50  # logits of about unit size
    stock = EncoderDecoder(**{k: v for k, v in config.items() if k != 'type'}).eval()
    stock.load_state_dict(model.state_dict())
    passes, encode = [], model.encode_decode

    def counted(inputs, metas):
        passes.append(len(inputs))
        return encode(inputs, metas)

    monkeypatch.setattr(model, 'encode_decode', counted)
    for mode in ('slide', 'whole'):
        model.test_cfg.mode = stock.test_cfg.mode = mode
        passes.clear()
        data = batch(2, 70, 81)
        actual, expected = (m.test_step(copy.deepcopy(data)) for m in (model, stock))
        assert passes == ([3, 3, 2] if mode == 'slide' else [2])
        for sample, reference in zip(actual, expected, strict=True):
            logits = sample.seg_logits.data
            assert logits.std() > 0.1
            torch.testing.assert_close(logits, reference.seg_logits.data, rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(*(m(**m.data_preprocessor(data)) for m in (model, stock)))


@torch.no_grad()
def test_the_predicted_map_is_the_same_without_logits(tiny_model):
    config = tiny_model(mode='slide', crop_size=(48, 48), stride=(32, 40), window_batch=3)
    model = MODELS.build(config).eval()
    model.decode_head.conv_seg.weight.data *= 50
    data = batch(2, 70, 81)

    def predict(keep_logits):
        model.keep_logits = keep_logits
        return model.test_step(copy.deepcopy(data))

    def keeps_logits():
        """Compare maps with and without ``keep_logits``; return which samples still have logits."""
        with_logits, without = predict(True), predict(False)
        for sample, other in zip(with_logits, without, strict=True):
            assert torch.equal(sample.pred_sem_seg.data, other.pred_sem_seg.data.long())
            assert len(sample.pred_sem_seg.data.unique()) > 1
        return ['seg_logits' in sample for sample in without]

    assert keeps_logits() == [False, False]
    for sample in data['data_samples']:  # padding: left, right, top, bottom
        sample.set_metainfo(dict(img_padding_size=[2, 1, 3, 4], ori_shape=(63, 78)))
    assert keeps_logits() == [False, False]
    # Logits are needed if they must be resized or flipped to fit the image.
    for change in (dict(ori_shape=(126, 156)), dict(flip=True, flip_direction='vertical')):
        data['data_samples'][1].set_metainfo(change)
        assert keeps_logits() == [True, True]
        data['data_samples'][1].set_metainfo(dict(ori_shape=(63, 78)))
    model.test_cfg.mode = 'whole'
    assert keeps_logits() == [True, True]


def test_window_batch_is_4_by_default(tiny_model, monkeypatch):
    model = MODELS.build(tiny_model(mode='slide', crop_size=(48, 48), stride=(48, 48)))
    seen = []
    monkeypatch.setattr(depth_guided, 'slide_inference', lambda *a, **kw: seen.append(kw))
    model.slide_inference(None, [])
    assert seen[0]['window_batch'] == 4
    del model.test_cfg['stride']
    with pytest.raises(UserError, match='no stride'):
        model.slide_inference(None, [])


def test_test_time_augmentation_averages_both_views(tiny_model):
    config = tiny_model(mode='slide', crop_size=(48, 48), stride=(32, 32))
    model = MODELS.build(config).eval()
    plain = batch(1, 64, 64)
    flipped = copy.deepcopy(plain)
    flipped['inputs'][0] = flipped['inputs'][0].flip(2)
    flipped['data_samples'][0].set_metainfo(dict(flip=True, flip_direction='horizontal'))
    views = [model.test_step(copy.deepcopy(view))[0].seg_logits.data for view in (plain, flipped)]
    expected = (views[0].softmax(0) + views[1].softmax(0)).argmax(0)
    data = {key: [plain[key], flipped[key]] for key in plain}
    result = SegTTAModel(module=model).test_step(data)[0]
    assert torch.equal(result.pred_sem_seg.data.squeeze(), expected)
    assert len(expected.unique()) > 1


def test_an_rgb_only_model_ignores_depth_and_works_with_mmsegs_api(
    tiny_model, tiny_backbone, tmp_path
):
    model = tiny_model(mode='slide', crop_size=(32, 32), stride=(32, 32)).to_dict()
    model['data_preprocessor']['depth'] = 'drop'
    del model['data_preprocessor']['size'], model['neck'], model['auxiliary_head']
    head = dict(type='FCNHead', in_channels=32, in_index=3, channels=8, num_classes=3, num_convs=1)
    model |= dict(backbone=tiny_backbone(), decode_head=head)
    steps = [dict(type='LoadImageFromFile'), dict(type='PackSegInputs')]
    config = Config(dict(model=model, default_scope='mmseg', test_pipeline=steps))
    config.test_dataloader = dict(dataset=dict(type='BaseSegDataset'))
    trained = MODELS.build(config.model)
    assert isinstance(trained, DepthGuidedEncoderDecoder)
    meta = dict(dataset_meta=dict(classes=('a', 'b', 'c'), palette=[[0] * 3, [1] * 3, [2] * 3]))
    torch.save(dict(state_dict=trained.state_dict(), meta=meta), tmp_path / 'last.pth')
    loaded = init_model(config, str(tmp_path / 'last.pth'), device='cpu')

    image = np.random.default_rng(0).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    logits = inference_model(loaded, image).seg_logits.data
    assert logits.shape == (3, 40, 56)
    trained.eval()
    rgb = [torch.tensor(image).permute(2, 0, 1).float()]
    with_depth = [torch.cat([rgb[0], torch.rand(1, 40, 56)])]
    samples = batch(1, 40, 56)['data_samples']
    for inputs in (rgb, with_depth):
        result = trained.test_step(dict(inputs=inputs, data_samples=samples))[0]
        torch.testing.assert_close(result.seg_logits.data, logits)


def test_weights_of_another_model_are_refused(tiny_model):
    model = MODELS.build(tiny_model())
    weights = model.state_dict()
    load_by_mmengine(model, weights)
    partial = {key: value for key, value in weights.items() if not key.startswith('auxiliary')}
    with pytest.raises(UserError, match='does not fit the model.* weights missing \\(auxiliary'):
        load_by_mmengine(model, partial)
    # strict=False of torch accepts missing weights.
    assert model.load_state_dict(partial, strict=False).missing_keys


def test_parts_wrappers_and_averages_of_a_model_can_be_loaded(tiny_model):
    model = MODELS.build(tiny_model())
    weights = {key: torch.ones_like(value) for key, value in model.state_dict().items()}
    load_by_mmengine(SegTTAModel(module=model), weights)
    assert all((value == 1).all() for value in model.state_dict().values())
    load_by_mmengine(model.neck, model.neck.state_dict())
    average = ExponentialMovingAverage(model)
    load_by_mmengine(average, average.state_dict())
    average.load_state_dict(average.state_dict())
    pair = torch.nn.ModuleDict(dict(student=model))
    load_by_mmengine(pair, pair.state_dict())
    # The copy inside the average checks its weights, too.
    with pytest.raises(UserError):
        load_by_mmengine(average.module, {})
