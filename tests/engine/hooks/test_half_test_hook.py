"""Tests in bfloat16: nearly the same labels, and the model as before."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.dataset import pseudo_collate
from mmseg.apis import init_model
from mmseg.registry import DATASETS

from depthda.engine.hooks.half_test_hook import HalfTestHook
from depthda.main import main

CONFIG = 'configs/sample/depthda_convnext-tiny_u2r.py'


@pytest.fixture(scope='module')
def model_and_batch(sample):
    torch.manual_seed(0)
    model = init_model(CONFIG, device='cpu')
    model.keep_logits = True
    settings = model.cfg.test_dataloader.dataset | dict(data_root=str(sample))
    return model, pseudo_collate([DATASETS.build(settings)[0]])


def logits(model, batch):
    with torch.no_grad():
        return model.test_step(batch)[0].seg_logits.data


def test_predictions_are_close_and_the_model_is_as_before(model_and_batch):
    model, batch = model_and_batch
    own = {name: id(parameter) for name, parameter in model.named_parameters()}
    full = logits(model, batch)
    hook, runner = HalfTestHook(('cpu',)), SimpleNamespace(model=model)
    hook.before_test(runner)
    seen = []
    layer = next(m for m in model.backbone.modules() if isinstance(m, torch.nn.LayerNorm))
    handle = layer.register_forward_hook(lambda module, args, out: seen.append(out.dtype))
    half = logits(model, batch)
    hook.after_test(runner)
    handle.remove()
    assert seen[0] == torch.bfloat16 and half.dtype == torch.float32
    assert 0 < (half - full).abs().max() < 0.05 * full.std() * full.abs().max()
    first, second = full.topk(2, 0).values
    is_clear = first - second > 0.1 * full.std()
    assert (half.argmax(0) == full.argmax(0))[is_clear].float().mean() > 0.99
    assert {name: id(parameter) for name, parameter in model.named_parameters()} == own
    assert torch.equal(logits(model, batch), full)


def test_on_a_cpu_the_command_says_that_it_tests_in_fp32(trained_once, sample, tmp_path, capsys):
    folder = trained_once('upernet_tiny_u2r')
    options = [f'test_dataloader.dataset.data_root={sample}']
    words = ['test', 'configs/sample/upernet_tiny_u2r.py', str(folder / 'iter_4.pth')]
    words += ['--amp', '--work-dir', str(tmp_path), '--cfg-options', *options]
    assert main(words) == 0
    assert 'testing in fp32: no mixed precision on cpu' in capsys.readouterr().out
