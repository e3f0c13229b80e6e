"""A smoke run needs no override: a tiny model of the row's kind, direction and protocol."""

import pytest
from small_tables import SHORT, tiny

from depthda.experiments.tables.configs import resolved_config
from depthda.experiments.tables.plan import plan_runs
from depthda.experiments.tables.stand_in import short_run
from depthda.experiments.tables.table import load_table

LONG = {'train_cfg.max_iters': 900, 'param_scheduler.1.end': 900}


@pytest.fixture
def smoke(write_table, tmp_path):
    """The only run of a table of one row, in a smoke run."""

    def plan(row, **rest):
        table = load_table(write_table([row], worlds=(1,), **rest))
        (run,) = plan_runs(table, tmp_path, [0], [0], smoke=True)
        return run

    return plan


def real(config: str, **rest) -> dict:
    return dict(name='real', title='real', config=f'configs/{config}.py', **rest)


@pytest.mark.parametrize(
    'config, stand_in',
    [
        ('baselines/segformer_mit-b5_1xb4-40k_loveda-r2u-512x512', 'upernet_tiny_r2u'),
        ('depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512', 'depthda_tiny_u2r'),
        ('depthseg/depthseg_dinov2-l_1xb2-50e_liuzhou-512x512', 'depthseg_tiny_u2r'),
        ('depth_guided/ablations/wo-contrast_1xb4-40k_loveda-u2r-512x512', 'depth_guided_tiny_u2r'),
        (
            'depth_guided/ablations/wo-refinement_1xb4-40k_loveda-u2r-512x512',
            'depth_guided_tiny_u2r',
        ),
        (
            'depth_guided/ablations/wo-contrast-wo-refinement_1xb4-40k_loveda-u2r-512x512',
            'depthda_tiny_u2r',
        ),
        ('depth_guided/ablations/photometric-rgb_1xb4-40k_loveda-u2r-512x512', 'upernet_tiny_u2r'),
        (
            'depthda/depthda_convnext-b-b_1xb4-40k_loveda-r2u-server-512x512',
            'depthda_tiny_r2u-server',
        ),
    ],
)
def test_a_real_config_has_a_tiny_model_of_its_kind(smoke, config, stand_in):
    protocol = 'server' if '-server-' in config else 'local'
    run = smoke(real(config, protocol=protocol))
    assert [step.train or step.test for step in run.steps] == [f'configs/sample/{stand_in}.py'] * 2
    training, test = (resolved_config(step) for step in run.steps)
    assert training.train_cfg.max_iters == 2 and bool(test.test_evaluator) == (protocol == 'local')
    domain = test.test_dataloader.dataset.domain
    images = f'{{data}}/Test/{domain}/images_png'
    assert run.steps[1].against == (images if protocol == 'server' else None)
    assert run.row.sample == dict(train=12, test=2, size=128)


def test_overrides_of_a_row_choose_the_direction(smoke):
    config = 'depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512'
    run = smoke(real(config, options={'train_dataloader.dataset.domain': 'Rural'}))
    assert run.steps[0].train == 'configs/sample/depthda_tiny_r2u.py'


def test_a_checkpoint_chosen_on_the_target_is_so_in_its_stand_in(smoke):
    config = 'depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-as-released-1024x1024'
    run = smoke(real(config, protocol='server'))
    training, test = (resolved_config(step) for step in run.steps)
    assert training.val_dataloader.dataset.domain == test.test_dataloader.dataset.domain == 'Rural'
    assert not test.test_evaluator and test.test_dataloader.dataset.labels is False


def test_a_row_on_synthetic_data_stands_for_itself_with_its_overrides(smoke):
    row = tiny('long', 'depthda_tiny_r2u', test_options={'test_dataloader.dataset.domain': 'Rural'})
    row['options'] = LONG | {'optim_wrapper.optimizer.lr': 0.5}
    training, test = (resolved_config(step) for step in smoke(row).steps)
    assert (training.train_cfg.max_iters, training.param_scheduler[1].end) == (2, 2)
    assert training.optim_wrapper.optimizer.lr == 0.5
    assert test.test_dataloader.dataset.domain == 'Rural'


def test_schedulers_that_a_row_removes_are_not_shortened(smoke):
    row = tiny('constant') | dict(options={'param_scheduler': []})
    assert resolved_config(smoke(row).steps[0]).param_scheduler == []


def test_what_a_row_names_comes_before_the_default(smoke):
    config = 'depthseg/depthseg_dinov2-s_1xb8-50e_liuzhou-512x512'
    adapted = smoke(real(config, smoke=dict(options={'model.adapter': None})))
    assert adapted.steps[0].train == 'configs/sample/depthseg_tiny_u2r.py'
    assert resolved_config(adapted.steps[0]).model.adapter is None
    named = smoke(real(config, smoke=dict(config='configs/sample/upernet_tiny_r2u.py')))
    assert named.steps[0].train == 'configs/sample/upernet_tiny_r2u.py'


def test_a_chain_is_shortened_and_its_tool_takes_the_same_overrides(smoke):
    config, network = 'configs/sample/drdg_tiny_r2u.py', 'configs/sample/upernet_tiny_r2u.py'
    tool = ('tools/translate.py', config, '{run}/translation', '--out', '{run}/translated')
    steps = [
        dict(train=config, name='translation', options={'model.dsl_weight': 0.0}),
        dict(tool=[*tool, '--cfg-options', 'model.dsl_weight=0.0']),
        dict(tool=tool),
        dict(tool=('tools/prepare_dataset.py', 'arctic')),
        dict(train=network, name='segmentation', options=LONG),
        dict(test=network, of='segmentation'),
    ]
    row = dict(name='chain', title='chain', steps=steps, sample=dict(train=12, test=2, size=128))
    translation, first, second, other, training, _ = smoke(row).steps
    cfg = resolved_config(translation)
    assert (cfg.train_cfg.max_iters, cfg.model.dsl_weight) == (2, 0.0)
    assert cfg.model.target_size == (96, 96)
    crops = [
        cfg.train_dataloader.dataset[side].pipeline[2].crop_size for side in ('source', 'target')
    ]
    assert crops == [(64, 64), (48, 48)]
    words = [f'{key}={value}'.replace(' ', '') for key, value in short_run(config).items()]
    assert first.tool == (*tool, '--cfg-options', 'model.dsl_weight=0.0', *words)
    assert second.tool == (*tool, '--cfg-options', *words)
    assert other.tool == ('tools/prepare_dataset.py', 'arctic')
    assert resolved_config(training).train_cfg.max_iters == 2


def test_short_run_is_what_the_tests_take_for_short(at_root):
    assert short_run('configs/sample/upernet_tiny_u2r.py') == SHORT


def test_the_decay_of_a_translation_begins_within_its_short_run(at_root):
    short = short_run('configs/sample/cyclegan_resnet-tiny_u2r.py')
    decay = {key: value for key, value in short.items() if key.startswith('param_scheduler')}
    assert decay == {'param_scheduler.0.begin': 1, 'param_scheduler.0.end': 2}
