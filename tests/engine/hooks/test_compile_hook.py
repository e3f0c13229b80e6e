"""Compiled parts compute the same in one graph each, and checkpoints do not change."""

import copy
import json
from types import SimpleNamespace

import pytest
import torch
from mmengine.optim import build_optim_wrapper
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.structures import SegDataSample
from torch._dynamo.testing import CompileCounterWithBackend

from depthda.engine.hooks.compile_hook import CompileHook
from depthda.engine.launch import train
from depthda.engine.prepare import load_config
from depthda.errors import UserError

CONFIG = 'configs/sample/{}_tiny_u2r.py'


def build(config):
    torch.manual_seed(0)
    return MODELS.build(load_config(CONFIG.format(config)).model).train()


def compiled(model, parts=None):
    """Compile without C++, which takes seconds for each part; return a counter of graphs."""
    torch._dynamo.reset()
    graphs = CompileCounterWithBackend('aot_eager')
    hook = CompileHook(parts, backend=graphs, fullgraph=True)  # fails where a graph would break
    hook.before_train(SimpleNamespace(model=model))
    return graphs


@pytest.mark.parametrize('config', ['depthda', 'depth_guided'])
def test_each_part_is_one_graph_with_the_same_results(config):
    model = build(config)
    state = copy.deepcopy(model.state_dict())
    images = torch.rand(2, 4, 64, 64, generator=torch.Generator().manual_seed(0))

    def results():
        model.load_state_dict(state)
        torch.manual_seed(1)
        features = model.extract_feat(images)
        logits = model.decode_head.forward(features)
        loss = logits.square().mean() + sum(feature.mean() for feature in features)
        model.zero_grad()
        loss.backward()
        gradients = [p.grad for p in model.parameters() if p.grad is not None]
        return [logits, *gradients], copy.deepcopy(model.state_dict())

    expected, statistics = results()
    graphs = compiled(model)
    found, after = results()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    for name, value in after.items():
        torch.testing.assert_close(value, statistics[name], rtol=1e-4, atol=1e-5)
    assert graphs.frame_count == 3  # encoders, neck, head; the auxiliary head was not called
    results()
    assert graphs.frame_count == 3  # nothing is compiled again


@pytest.mark.parametrize('config', ['depthda', 'depth_guided', 'depthseg'])
def test_the_whole_loss_of_a_segmentor_is_one_graph(config):
    model = build(config)
    meta = dict(img_shape=(64, 64), ori_shape=(64, 64), pad_shape=(64, 64))
    samples = [SegDataSample(metainfo=meta) for _ in range(2)]
    for sample in samples:
        sample.gt_sem_seg = PixelData(data=torch.randint(0, 7, (1, 64, 64)))
    torch._dynamo.reset()
    loss = torch.compile(model.loss, backend='eager', fullgraph=True)
    assert 'decode.loss_ce' in loss(torch.rand(2, 4, 64, 64), samples)


def test_a_generator_of_drdg_is_one_graph():
    generator = build('drdg').generator_s2t
    torch._dynamo.reset()
    compiled = torch.compile(generator, backend='eager', fullgraph=True)
    image = torch.rand(1, 3, 64, 64)
    torch.manual_seed(0)  # the generator draws noise
    expected = generator(image, (48, 48)).image
    torch.manual_seed(0)
    torch.testing.assert_close(compiled(image, (48, 48)).image, expected)


def test_the_weights_of_half_parts_are_not_compiled_again_in_each_step():
    model = build('depthda')
    optimizer = dict(type='SGD', lr=0.01)
    settings = dict(type='AutocastOptimWrapper', devices=['cpu'], half_parts=['backbone', 'neck'])
    wrapper = build_optim_wrapper(model, settings | dict(optimizer=optimizer))
    graphs = compiled(model, parts=['backbone', 'neck'])
    forward = model.backbone.forward
    for step in range(3):
        with wrapper.optim_context(model):
            features = model.extract_feat(torch.rand(2, 4, 64, 64))
        assert features[0].dtype == torch.bfloat16
        wrapper.update_params(sum(feature.float().mean() for feature in features))
        assert model.backbone.forward is forward, step  # the compiled one is found again
    assert graphs.frame_count == 2


def test_a_resumed_training_computes_the_same(tmp_path, short_run):
    def losses(name, resume=False, **options):
        folder = tmp_path / name
        settings = short_run | {'default_hooks.logger.interval': 1} | options
        train(CONFIG.format('upernet'), str(folder), resume, cfg_options=settings)
        log = max(folder.glob('*/vis_data/scalars.json'))
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        return {line['step']: line['loss'] for line in lines if 'loss' in line}

    hook = {'+default_hooks.compile': dict(type='CompileHook', backend='aot_eager')}
    whole = losses('whole', **hook)
    assert list(whole) == [1, 2, 3, 4]
    first = losses('parts', **hook, **{'train_cfg.max_iters': 2})
    assert first == {step: whole[step] for step in (1, 2)}
    assert losses('parts', True, **hook) == {step: whole[step] for step in (3, 4)}


def test_a_part_that_the_model_does_not_have():
    hook, runner = CompileHook(['backbone', 'nack']), SimpleNamespace(model=build('upernet'))
    with pytest.raises(UserError, match='EncoderDecoder has no nack: .* such as data_preprocessor'):
        hook.before_train(runner)
    with pytest.raises(UserError, match='Linear has no encoder'):
        CompileHook().before_test(SimpleNamespace(model=torch.nn.Linear(1, 1)))
