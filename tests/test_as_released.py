"""A config named as-released has the values of the authors' released code, listed here.

docs/differences.md lists the remaining differences.
"""

from pathlib import Path

import pytest
from mmengine.config import Config

from depthda.engine.prepare import load_config

ROOT = Path(__file__).parents[1] / 'configs'
WHOLE = dict(mode='whole')
WINDOWS = dict(mode='slide', crop_size=(512, 512), stride=(512, 512), window_batch=4)
KAIMING = dict(type='Kaiming', override=dict(name='residual'))
U2R, R2U = 'loveda-u2r-as-released-1024x1024', 'loveda-r2u-as-released-1024x1024'


def recipe(batch, iterations, end, **more):
    """Return the expected values of a config, by default without contrast and refinement."""
    default = dict(every=2000, decay=0.9, test=WHOLE, weights=None, refined=False)
    return default | dict(batch=batch, iterations=iterations, end=end) | more


B, XL, ALONE = [0.02, 0.02, 0.03, 0.03], [0.04, 0.04, 0.06, 0.06], [0.03, 0.03, 0.04, 0.04]
LONG, SHORT = (80000, 80000), (40000, 40000)
GUIDED, CONTRAST = 'depth_guided/depth_guided_convnext', 'depth_guided/contrast_convnext'
DEPTHDA = 'depthda/depthda_convnext'
RECIPES = {
    f'{GUIDED}-b-s_1xb4-80k_{U2R}': recipe(4, *LONG, weights=B, refined=True),
    f'{GUIDED}-b-s_1xb4-40k_{R2U}': recipe(4, *SHORT, weights=B, refined=True),
    f'{GUIDED}-xl-b_1xb3-80k_{U2R}': recipe(3, *LONG, every=1000, weights=XL, refined=True),
    f'{GUIDED}-xl-b_1xb3-80k_{R2U}': recipe(3, *LONG, every=1000, weights=XL, refined=True),
    f'{CONTRAST}-b-s_1xb4-80k_{U2R}': recipe(4, *LONG, weights=ALONE),
    f'{CONTRAST}-b-s_1xb4-40k_{R2U}': recipe(4, *SHORT, weights=ALONE),
    f'{CONTRAST}-xl-b_1xb3-80k_{U2R}': recipe(3, *LONG, every=1000, weights=ALONE),
    f'{CONTRAST}-xl-b_1xb3-80k_{R2U}': recipe(3, *LONG, every=1000, weights=ALONE),
    f'{DEPTHDA}-b-s_1xb4-40k_{U2R}': recipe(4, 40000, 80000),
    f'{DEPTHDA}-b-b_1xb4-40k_{R2U}': recipe(4, 40000, 80000),
    f'{DEPTHDA}-xl-b_1xb12-80k_{U2R}': recipe(12, *LONG, every=1000, decay=1, test=WINDOWS),
    f'{DEPTHDA}-xl-b_1xb12-80k_{R2U}': recipe(12, *LONG, every=1000, decay=1, test=WINDOWS),
    f'baselines/convnext-b_upernet_1xb4-80k_{U2R}': recipe(4, *LONG),
    f'baselines/convnext-b_upernet_1xb4-80k_{R2U}': recipe(4, *LONG),
}
NAMES = list(RECIPES)


def read(name: str) -> Config:
    return load_config(ROOT / f'{name}.py')


def test_every_as_released_config_has_its_recipe_here():
    names = {
        str(path.relative_to(ROOT).with_suffix('')) for path in ROOT.glob('[!_]*/*as-released*')
    }
    drdg = {name for name in names if name.startswith('drdg/')}
    assert names - drdg == set(RECIPES) and len(drdg) == 3


@pytest.mark.parametrize('name', NAMES)
def test_length_batch_checkpoints_rates_weight_decay_and_values_of_the_model(name):
    cfg, expected = read(name), RECIPES[name]
    assert cfg.train_dataloader.batch_size == expected['batch']
    warmup, poly = cfg.param_scheduler
    assert (warmup.start_factor, warmup.end, poly.power, poly.begin) == (1e-6, 1500, 1, 1500)
    assert (poly.end, poly.eta_min) == (expected['end'], 0)
    assert cfg.train_cfg.max_iters == expected['iterations']
    checkpoint = cfg.default_hooks.checkpoint
    assert cfg.train_cfg.val_interval == checkpoint.interval == expected['every']
    assert (checkpoint.save_best, checkpoint.max_keep_ckpts) == ('mIoU', 5)
    optimizer, rates = cfg.optim_wrapper.optimizer, cfg.optim_wrapper.paramwise_cfg
    assert (optimizer.type, optimizer.lr, optimizer.weight_decay) == ('AdamW', 1e-4, 0.05)
    assert (rates.decay_rate, rates.num_layers) == (expected['decay'], 12)
    assert (rates.depth_decay, rates.scalar_decay) == (False, True)
    model = cfg.model
    encoders = [model.backbone.get(key) for key in ('rgb', 'depth')]
    encoders = [model.backbone] if 'baselines' in name else encoders
    assert {encoder.arch.drop_path_rate for encoder in encoders} == {0.4}
    if 'baselines' not in name:
        assert model.neck.get('scale_weights') == expected['weights']
        assert (model.decode_head.type == 'DepthRefinedHead') == expected['refined']
    if expected['refined']:
        assert model.decode_head.init_cfg == KAIMING


@pytest.mark.parametrize('name', NAMES)
def test_images_are_not_cropped_and_checkpoints_are_selected_on_the_target(name):
    cfg = read(name)
    source, target = ('Urban', 'Rural') if 'u2r' in name else ('Rural', 'Urban')
    training, val, test = (cfg[f'{part}_dataloader'].dataset for part in ('train', 'val', 'test'))
    assert (training.domain, training.split, training.holdout) == (source, ['Train', 'Val'], None)
    assert (val.domain, val.split) == (target, ['Train', 'Val'])
    assert (test.domain, test.split, test.labels) == (target, 'Test', False)
    steps = [step.type for step in training.pipeline]
    assert steps[-3:-1] == ['AlignedRotFlip', 'RandomFlip'] and 'BalancedCrop' not in steps
    assert tuple(cfg.model.data_preprocessor['size']) == (1024, 1024)
    assert cfg.model.data_preprocessor.test_cfg == dict(size_divisor=32)
    assert cfg.model.test_cfg == RECIPES[name]['test']
    # The unflipped view has half of the weight.
    views, _ = cfg.tta_pipeline[-1].transforms
    directions = [(view.prob, view.get('direction')) for view in views]
    assert directions == [(0, None), (0, None), (1, 'horizontal'), (1, 'vertical')]


def test_the_values_of_drdg():
    translation = read('drdg/drdg_as-released_potsdam2vaihingen')
    model = translation.model
    assert model.generator.depth_decoder == 'shared' and model.depth_resize == 'nearest'
    assert model.depth_loss == dict(type='BerHuLoss', through_threshold=True, eps=1e-4)
    assert (model.adversarial.loss_weight, model.cyc_weight) == (5, 10)
    assert (model.dsl_weight, model.dccl_weight) == (2, 1)
    assert translation.train_dataloader.dataset.replacement is True
    plateaus = translation.custom_hooks[:2]
    assert [(hook.part, hook.monitor) for hook in plateaus] == [
        ('generators', 'loss'),
        ('critics', 'loss_critic'),
    ]
    for hook in plateaus:
        settings = (hook.type, hook.factor, hook.patience, hook.of_epoch, hook.min_lr)
        assert settings == ('PlateauHook', 0.5, 25, 'last', 1e-6)
    assert translation.custom_hooks[2].type == 'TranslationHook'
    rdg = read('drdg/rdg_as-released_potsdam2vaihingen').model
    assert (rdg.adversarial.loss_weight, rdg.dsl_weight, rdg.dccl_weight) == (1, 0, 0)
    network = read('drdg/deeplabv3_r34_as-released_potsdam2vaihingen-512x512')
    assert network.custom_hooks == [
        dict(type='PlateauHook', monitor='loss', factor=0.5, patience=20, min_lr=2e-5)
    ]
    assert network.optim_wrapper.optimizer == dict(type='Adam', lr=2e-4)
    head = network.model.decode_head
    assert (head.type, head.dropout_ratio) == ('ProjectedASPPHead', 0.5)
