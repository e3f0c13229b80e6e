import random
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.logging import MessageHub
from mmengine.runner import Runner
from refusals import refusal
from torch import nn

from depthda.engine.checks import start_check
from depthda.engine.checks.data_check import check_headline
from depthda.engine.checks.start_check import StartCheck, _check_hook, _train_once, describe_failure
from depthda.engine.hooks.plain_checkpoint_hook import PlainCheckpointHook
from depthda.engine.launch import check_training, train
from depthda.errors import UserError

CONFIGS = Path(__file__).parents[3] / 'configs' / 'sample'
CONFIG = CONFIGS / 'depthda_tiny_u2r.py'


def test_the_check_changes_no_bit_of_a_run(short_run, tmp_path, monkeypatch):
    options = short_run | {
        'train_cfg.max_iters': 3,
        'train_cfg.val_interval': 3,
        'default_hooks.checkpoint.interval': 3,
        # A validation that draws random numbers, which is refused otherwise.
        'val_dataloader.dataset.pipeline': [
            dict(type='LoadImageFromFile'),
            dict(type='LoadDepth', folder='rdepth/synthetic'),
            dict(type='LoadAnnotations'),
            dict(type='RandomFlip', prob=0.5),
            dict(type='PackSegInputs'),
        ],
        'model.decode_head.dropout_ratio': 0.5,
    }
    monkeypatch.setattr('depthda.engine.checks.value_check.is_random', lambda step: False)
    states = []
    original = start_check._validate_one

    def probe(runner):
        before = state(runner)
        line = original(runner)
        states.append((before, state(runner)))
        return line

    monkeypatch.setattr(start_check, '_validate_one', probe)
    train(CONFIG, str(tmp_path / 'with'), cfg_options=options)
    ((before, after),) = states
    assert before.keys() == after.keys()
    for key, value in before.items():
        assert torch.equal(torch.as_tensor(value), torch.as_tensor(after[key])), key

    monkeypatch.setattr(StartCheck, 'before_train', lambda self, runner: None)
    train(CONFIG, str(tmp_path / 'without'), cfg_options=options)
    checked, plain = (
        torch.load(tmp_path / name / 'iter_3.pth', weights_only=True)
        for name in ('with', 'without')
    )
    for part in (lambda c: c['state_dict'], lambda c: flat(c['optimizer']['state'])):
        first, second = part(checked), part(plain)
        assert first.keys() == second.keys() and first
        assert all(torch.equal(first[key], second[key]) for key in first)


def state(runner) -> dict:
    """Return everything from which a run continues."""
    values = {f'model.{k}': v.clone() for k, v in runner.model.state_dict().items()}
    values |= {f'training.{k}': m.training for k, m in runner.model.named_modules()}
    values |= {'gradients': sum(p.grad is not None for p in runner.model.parameters())}
    values['torch'] = torch.get_rng_state().clone()
    values['numpy'] = np.random.get_state()[1].astype(np.int64)
    values['random'] = random.getstate()[1]
    loop = runner.val_loop
    values['scored'] = sum(len(metric._seen) for metric in loop.evaluator.metrics)
    values['sampler'] = runner.train_dataloader.sampler.start
    values['log'] = runner.logger.disabled
    return values


def flat(states: dict) -> dict:
    return {(i, key): value for i, state in states.items() for key, value in state.items()}


SENTENCES = {
    # Found when a part is built.
    'UPerHaed': (
        {'model.decode_head.type': 'UPerHaed'},
        "model.decode_head.type: there is no model 'UPerHaed'; did you mean 'UPerHead'?",
    ),
    'split of validation': (
        {'val_dataloader.dataset.split': 'all'},
        "split='all' of LoveDARGBD is unknown: use Train, Val, Test",
    ),
    # Before anything is built.
    'split of test': (
        {'test_dataloader.dataset.split': 'all'},
        "test_dataloader.dataset: split='all' of LoveDARGBD is unknown: use Train, Val, Test",
    ),
    'hook': (
        {'+custom_hooks': [dict(priority='LOW')]},
        "custom_hooks.0 has no type: name the class of the hook, as in dict(type='NAME', …), "
        'or remove it.',
    ),
    'group of test': (
        {'+test_evaluator.headline': 'Urbn'},
        "test_evaluator.headline='Urbn' is not a group of the test dataset: use one of all, "
        'Rural, Test, Test/Rural.',
    ),
    # By the first iteration.
    'batch of one': (
        {'train_dataloader.batch_size': 1},
        'the first training step fails in decode_head.psp_modules.0.1.bn, because batch norm '
        'computes statistics over a batch, and train_dataloader.batch_size=1 gives it only one '
        'value per channel: set a batch size of 2 or more.',
    ),
}


@pytest.mark.parametrize('case', SENTENCES)
def test_a_mistake_is_one_sentence_and_leaves_nothing(case, short_run, tmp_path):
    options, sentence = SENTENCES[case]
    (tmp_path / 'file.txt').touch()
    work_dir = str(tmp_path / 'runs' / 'a')
    assert refusal(train, CONFIG, work_dir, cfg_options=short_run | options) == sentence
    assert [path.name for path in tmp_path.iterdir()] == ['file.txt']


def test_a_run_in_the_same_folder_is_kept(short_run, tmp_path):
    options = short_run | {'train_cfg.max_iters': 1}
    train(CONFIG, str(tmp_path), cfg_options=options)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*') if path.is_file()}

    crop = {'train_dataloader.dataset.pipeline.3.crop_size': (256, 256)}
    lines = check_training(CONFIG, str(tmp_path), cfg_options=options | crop)
    assert f'results: {tmp_path} (already exists)' in lines
    (line,) = (line for line in lines if line.startswith('checkpoints'))
    size = (tmp_path / 'iter_1.pth').stat().st_size / 1e6
    assert float(line.split(', ')[-1].split()[0]) == pytest.approx(size, rel=0.1)
    # The summary of a run ends with the warnings.
    assert lines[-1].startswith('warning: ') and 'iter_1.pth of an earlier run' in lines[-1]
    assert 'sampled training tiles are smaller than the crop of 256×256' in lines[-2]
    unchanged = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*') if path.is_file()}
    assert unchanged == before

    config = (tmp_path / CONFIG.name).read_text()
    with pytest.raises(UserError, match='batch norm'):
        train(CONFIG, str(tmp_path), cfg_options=options | {'train_dataloader.batch_size': 1})
    after = {path: path.stat().st_mtime_ns for path in tmp_path.rglob('*') if path.is_file()}
    # Every run writes its config, under the same name.
    changed = {path.name for path in before if before[path] != after[path]}
    assert before.keys() == after.keys() and changed <= {CONFIG.name, '.training.lock'}
    assert (tmp_path / CONFIG.name).read_text() == config


def test_an_error_after_the_first_iteration_keeps_its_traceback(tmp_path):
    check, cfg = StartCheck(), Config(dict(work_dir=str(tmp_path / 'a')))
    with pytest.raises(UserError, match=r'the start of the run fails: RuntimeError: x \('):
        with check.watch(cfg):
            raise RuntimeError('x')
    with pytest.raises(RuntimeError, match='later'), check.watch(cfg):
        check.after_train_iter(None, 0)
        raise RuntimeError('later')
    with pytest.raises(UserError), check.watch(cfg):
        (tmp_path / 'a').mkdir()
        raise UserError('a checkpoint is damaged')
    assert (tmp_path / 'a').is_dir()


@pytest.mark.parametrize('name', ['depthda_tiny_u2r', 'depthseg_tiny_u2r', 'drdg_tiny_u2r'])
def test_a_check_trains_validates_and_leaves_nothing(
    name, sample, short_run, tmp_path, monkeypatch
):
    monkeypatch.setattr('tempfile.tempdir', str(tmp_path))
    options = short_run
    if name.startswith('drdg'):
        sets = ('source', 'target')
        options = {f'train_dataloader.dataset.{key}.data_root': str(sample) for key in sets}
    config, work_dir = CONFIGS / f'{name}.py', tmp_path / 'runs' / 'x'
    lines = check_training(config, str(work_dir), cfg_options=options)
    values = dict(line.split(': ', 1) for line in lines)
    assert values['training step'].startswith('loss') and values['training step'].endswith(' s)')
    assert values['results'] == f'{work_dir} (will be created)'
    assert values['log'].startswith(f'{work_dir}/<date>_<time>/')
    assert values['curves'] == f'{work_dir}/<date>_<time>/vis_data (LocalVisBackend)'
    assert ' MB free' in values['disk']
    if name.startswith('drdg'):
        assert 'validation sample' not in values and 'metrics' not in values
        assert values['best checkpoint'] == 'none, so the last one is the result'
        assert '2 in 800 iters (every 400), the last 2 are kept' in values['checkpoints']
    else:
        assert '/images_png/' in values['validation sample']
        metrics = f'{work_dir}/metrics.json and tiles.npz, written by depthda test'
        assert values['metrics'] == metrics
        assert values['best checkpoint'] == (
            'best_mIoU_iter_N.pth, selected by mIoU (validated on 4 images every 2 iters)'
        )
        assert '2 in 4 iters (every 2), the last 2 are kept' in values['checkpoints']
    assert list(tmp_path.iterdir()) == []


def test_losses_that_are_not_finite():
    model = SimpleNamespace(
        train=lambda: None,
        train_step=lambda batch, optim_wrapper: dict(loss=torch.tensor(np.nan), acc=1.0),
    )
    loop, hub = SimpleNamespace(dataloader=[{}]), MessageHub('test')
    runner = SimpleNamespace(train_loop=loop, model=model, optim_wrapper=None, message_hub=hub)
    runner.message_hub.update_info('iter', 0)
    assert refusal(_train_once, runner, model) == (
        'the training step returns loss=nan: check the images, labels and depth of the '
        'training dataset, and the weights that the model starts from.'
    )


def test_a_group_to_score_is_in_the_dataset():
    infos = [dict(domain='Urban', split='Val'), dict(domain='Urban', split='Train')]
    check_headline('val', [None, 'Val', 'Train/Urban'], infos)
    for name, split in (('val', 'validation'), ('test', 'test')):
        assert refusal(check_headline, name, [None, 'Rural'], infos) == (
            f"{name}_evaluator.headline='Rural' is not a group of the {split} dataset: use one "
            'of all, Urban, Train, Val, Train/Urban, Val/Urban.'
        )


def test_the_checkpoint_hook_can_save_and_choose():
    dataset = SimpleNamespace(metainfo=dict(classes=['road', 'water']))
    loop = SimpleNamespace(dataloader=SimpleNamespace(dataset=dataset))
    scores = {'mIoU': 1.0, 'OA': 2.0, 'IoU.road': 3.0}

    def check(**kwargs) -> None:
        hook = PlainCheckpointHook(**kwargs)
        save = Runner.save_checkpoint
        _check_hook(SimpleNamespace(hooks=[hook], val_loop=loop, save_checkpoint=save), scores)

    # A score may be undefined in one sample, or belong to another domain.
    check(save_best=['mIoU', 'IoU.water', 'Rural/OA'], rule='greater')
    check(save_best='auto')
    check(interval=3, save_optimizer=False)
    assert refusal(check, save_best='mIOU', rule='greater') == (
        "default_hooks.checkpoint.save_best='mIOU' is not a score of the validation, which "
        "returns mIoU, OA, IoU.road; did you mean 'mIoU'?"
    )
    assert refusal(check, intervall=3) == (
        "default_hooks.checkpoint has no argument 'intervall'; did you mean 'interval'?"
    )


def test_an_error_is_described_in_one_sentence():
    model, cfg = nn.Sequential(nn.Linear(2, 2)), Config(dict(train_dataloader=dict(batch_size=1)))

    def sentence(function, where=model) -> str:
        with pytest.raises((RuntimeError, KeyError)) as caught:
            function()
        return describe_failure('the training step', caught.value, where, cfg)

    text = sentence(lambda: model(torch.zeros(1, 3)))
    assert text.startswith('the training step fails in 0: RuntimeError: mat1 and mat2 shapes')
    assert text.endswith("). Set log_level='DEBUG' to see the traceback.") and 'torch/nn/' in text

    conv = nn.Sequential(nn.Conv2d(16, 2, 1))
    assert sentence(lambda: conv(torch.zeros(1, 32, 4, 4)), nn.ModuleDict(dict(head=conv))) == (
        'the training step fails in head.0, which expects 16 channels but receives 32: set '
        'in_channels of model.head to the channels of the module before it.'
    )

    def memory():
        raise torch.OutOfMemoryError('CUDA out of memory. Tried to allocate 9 GiB.')

    assert sentence(memory) == (
        'the training step fails, because it does not fit into memory: reduce the batch size '
        'or the crop, or train with --amp.'
    )
    assert sentence(lambda: {}['inputs'], None) == (
        'the training step fails, because samples have no inputs: end the pipeline with '
        'PackSegInputs.'
    )

    def worker():
        raise RuntimeError(
            'Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback (most recent '
            "call last):\n  File 'x.py'\nRuntimeError: no such band\n"
        )

    assert sentence(worker).startswith('the training step fails: RuntimeError: no such band (')
