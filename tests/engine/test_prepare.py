from pathlib import Path

import pytest
from mmengine.config import Config

from depthda.engine.prepare import add_writer, load_config, prepare
from depthda.errors import UserError

ROOT = Path(__file__).parents[2] / 'configs'


def test_without_workers_none_persists(tmp_path):
    loaders = dict(persistent_workers=True, pin_memory=True)
    cfg = Config(
        dict(
            train_dataloader=dict(num_workers=0, **loaders),
            val_dataloader=dict(num_workers=2, **loaders),
            test_dataloader=None,
        )
    )
    prepare(cfg, 'x.py', str(tmp_path), 'none')
    assert not cfg.train_dataloader.persistent_workers and cfg.val_dataloader.persistent_workers
    assert cfg.work_dir == str(tmp_path)


def test_a_file_in_place_of_a_folder_is_refused(tmp_path):
    file = tmp_path / 'file'
    file.touch()
    with pytest.raises(UserError, match='--work-dir .*file is a file'):
        prepare(Config(dict()), 'x.py', str(file), 'none')
    with pytest.raises(UserError, match='--out .*file is a file'):
        add_writer(Config(dict(test_evaluator=[])), str(file), None)


def test_a_checkpoint_in_place_of_a_config_is_refused(tmp_path):
    (tmp_path / 'iter_1.pth').touch()
    with pytest.raises(UserError, match='no config file: give the .py config first'):
        load_config(tmp_path / 'iter_1.pth')


def test_a_name_that_does_nothing_is_refused_when_the_config_is_read(tmp_path):
    path = tmp_path / 'mine.py'
    base = ROOT / 'depthda' / 'depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
    path.write_text(f"_base_ = '{base}'\ndepth = 'dsm'\n")
    with pytest.raises(UserError, match=r"'depth' in .*mine.py .*train_dataloader\.dataset\.depth"):
        load_config(path)
