from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmseg.registry import MODELS
from refusals import refusal

from depthda.engine.checks.output_check import check_outputs
from depthda.engine.optimizers.autocast_optim_wrapper import AutocastOptimWrapper
from depthda.engine.prepare import load_config, prepare, set_matmul_precision, use_amp, use_tta
from depthda.errors import UserError

ROOT = Path(__file__).parents[2] / 'configs'


def test_without_workers_none_persists(tmp_path):
    loader = dict(persistent_workers=True, pin_memory=True)
    loaders = dict(train=loader | dict(num_workers=0), val=loader | dict(num_workers=2), test=None)
    cfg = Config({f'{name}_dataloader': loader for name, loader in loaders.items()})
    prepare(cfg, 'x.py', str(tmp_path), 'none')
    assert not cfg.train_dataloader.persistent_workers and cfg.val_dataloader.persistent_workers
    assert cfg.work_dir == str(tmp_path)


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    file = tmp_path / 'file'
    file.touch()
    with pytest.raises(UserError, match='--work-dir .*file is a file'):
        prepare(Config(dict()), 'x.py', str(file), 'none')
    with pytest.raises(UserError, match='--out .*file is a file'):
        check_outputs(Config({}), out=str(file))


@pytest.mark.parametrize('text', ["_base_ = './x.py'", '# mine', 'a = 1  # one\n  # two'])
def test_a_hand_written_config_is_not_overwritten(tmp_path, text):
    (tmp_path / 'mine.py').write_text(f'b = 2\n{text}\n')
    assert refusal(prepare, Config(dict()), tmp_path / 'mine.py', str(tmp_path), 'none') == (
        f'--work-dir {tmp_path} contains {tmp_path}/mine.py, and the run would overwrite that '
        'file with its complete config: use another --work-dir.'
    )
    prepare(Config(dict()), tmp_path / 'mine.py', str(tmp_path / 'runs'), 'none')


def test_a_config_that_a_run_wrote_can_be_run_again_in_its_folder(tmp_path):
    (tmp_path / 'mine.py').write_text("b = 2\nc = '#'\n")
    prepare(Config(dict()), tmp_path / 'mine.py', str(tmp_path), 'none')


def test_colour_images_are_not_written_to_the_folder_of_indices(tmp_path):
    cfg = Config(dict(work_dir=str(tmp_path)))
    check_outputs(cfg, show_dir=str(tmp_path / 'pictures'))
    with pytest.raises(UserError, match='predictions is the folder of class indices, not'):
        check_outputs(cfg, show_dir=str(tmp_path / 'predictions'))


def test_a_folder_that_cannot_be_made_is_refused(tmp_path, monkeypatch):
    (tmp_path / 'file').touch()
    assert refusal(prepare, Config(dict()), 'x.py', f'{tmp_path}/file/a/b', 'none') == (
        f'--work-dir {tmp_path}/file/a/b cannot be created, because {tmp_path}/file is a file: '
        'name another folder.'
    )
    # Not even root can write there.
    assert refusal(prepare, Config(dict()), 'x.py', '/proc/depthda/a', 'none').startswith(
        '--work-dir /proc/depthda/a cannot be used, because nothing can be written to /proc ('
    )
    monkeypatch.chdir(tmp_path)
    prepare(Config(dict()), 'x.py', 'new/folder', 'none')
    assert sorted(path.name for path in tmp_path.iterdir()) == ['file']


def test_a_folder_in_place_of_a_config_is_refused(tmp_path):
    assert refusal(load_config, tmp_path) == (
        f'{tmp_path} is a folder: name a config file (.py), such as one of those that depthda '
        'configs lists.'
    )


def test_a_checkpoint_in_place_of_a_config_is_refused(tmp_path):
    (tmp_path / 'iter_1.pth').touch()
    with pytest.raises(UserError, match='not a config file: name the config'):
        load_config(tmp_path / 'iter_1.pth')


def test_a_name_that_does_nothing_is_refused_when_the_config_is_read(tmp_path):
    path = tmp_path / 'custom.py'
    base = ROOT / 'depthda' / 'depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
    path.write_text(f"_base_ = '{base}'\ndepth = 'dsm'\n")
    with pytest.raises(UserError, match=r"'depth' in .*custom.py .*_dataloader\.dataset\.depth"):
        load_config(path)


def test_amp_reaches_every_part_of_a_model():
    cfg = load_config('configs/sample/drdg_tiny_u2r.py')
    use_amp(cfg)
    parts = build_optim_wrapper(MODELS.build(cfg.model), cfg.optim_wrapper)
    assert {type(part) for part in parts.values()} == {AutocastOptimWrapper}
    # A part with its own type is changed as well; another type is left to the user.
    cfg.optim_wrapper.critics.type = 'OptimWrapper'
    use_amp(cfg)
    assert cfg.optim_wrapper.critics.type == 'AutocastOptimWrapper'
    cfg.optim_wrapper.critics.type = 'Other'
    with pytest.raises(UserError, match="not 'Other'"):
        use_amp(cfg)


def test_tta_names_what_the_config_does_not_set():
    cfg = load_config('configs/sample/upernet_tiny_u2r.py', {'tta_pipeline': None})
    assert refusal(use_tta, cfg) == (
        '--tta needs tta_pipeline, which the config does not set: add it as in '
        'configs/_base_/datasets/.'
    )
    assert refusal(use_tta, Config(dict(tta_pipeline=[]))) == (
        '--tta needs tta_model, which the config does not set: add it as in '
        'configs/_base_/default_runtime.py.'
    )


def test_a_model_of_parts_is_wrapped_part_by_part_in_several_processes(monkeypatch):
    monkeypatch.setattr('depthda.engine.prepare.check_launcher', lambda launcher: None)
    monkeypatch.setattr('depthda.engine.prepare.init_processes', lambda launcher: None)
    for name, wrapper in (
        ('drdg_tiny_u2r', 'MMSeparateDistributedDataParallel'),
        ('upernet_tiny_u2r', 'MMDistributedDataParallel'),
    ):
        config = f'configs/sample/{name}.py'
        cfg = load_config(config)
        prepare(cfg, config, None, 'pytorch')
        assert cfg.get('model_wrapper_cfg', {}).get('type', 'MMDistributedDataParallel') == wrapper


@pytest.mark.parametrize(
    'name, warm_up, unused',
    [('adaptsegnet', 2, True), ('adaptsegnet', 0, False), ('daformer', 2, False)],
)
@pytest.mark.parametrize('gpu', [False, True])
def test_critics_may_be_unused_in_the_warm_up(monkeypatch, name, warm_up, unused, gpu):
    monkeypatch.setattr('depthda.engine.prepare.check_launcher', lambda launcher: None)
    monkeypatch.setattr('depthda.engine.prepare.init_processes', lambda launcher: None)
    monkeypatch.setattr('torch.cuda.is_available', lambda: gpu)
    config = f'configs/sample/{name}_upernet-tiny_u2r.py'
    cfg = load_config(config, {'+model.warm_up': warm_up})
    prepare(cfg, config, None, 'pytorch')
    # mmengine reads the key of the config if it has no config of a wrapper.
    settings = cfg if gpu else cfg.model_wrapper_cfg
    assert ('model_wrapper_cfg' in cfg) != gpu
    assert settings.get('find_unused_parameters', False) == unused


@pytest.mark.parametrize('has_gpu', [True, False])
def test_the_precision_of_matrix_products_is_set_only_on_a_gpu(monkeypatch, has_gpu):
    chosen = []
    monkeypatch.setattr('torch.cuda.is_available', lambda: has_gpu)
    monkeypatch.setattr('torch.set_float32_matmul_precision', chosen.append)
    set_matmul_precision(load_config('configs/sample/upernet_tiny_u2r.py'))
    assert chosen == (['high'] if has_gpu else [])
    with pytest.raises(UserError, match="'fast' is not a precision: choose 'highest'"):
        set_matmul_precision(Config(dict(env_cfg=dict(matmul_precision='fast'))))
