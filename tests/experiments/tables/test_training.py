import pytest
from mmengine.config import Config

from depthda.experiments.tables.training import (
    differing_budgets,
    read_budget,
    training_config,
    training_folder,
)

CONFIG = """
train_cfg = dict(type='IterBasedTrainLoop', max_iters={iterations}, val_interval=10)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr={rate}), accumulative_counts=2)
train_dataloader = dict(batch_size=4, dataset=dict(type='X', pipeline=[
    dict(type='LoadImageFromFile'), dict(type='BalancedCrop', crop_size=(512, 384))]))
"""


def write_training(folder, stamp='20260101_000000', iterations=40000, rate=1e-4):
    path = folder / stamp / 'vis_data'
    path.mkdir(parents=True)
    (path / 'scalars.json').write_text('{"loss": 1.0, "step": 10}\n')
    (path / 'config.py').write_text(CONFIG.format(iterations=iterations, rate=rate))
    return folder


def metrics_of(checkpoint):
    return dict(checkpoint=dict(file=str(checkpoint), sha256='0'))


def test_the_training_is_found_where_the_checkpoint_is(tmp_path, monkeypatch):
    run = tmp_path / 'there/work_dirs/tested'
    run.mkdir(parents=True)
    trained = write_training(tmp_path / 'there/work_dirs/trained')
    assert training_folder(run, metrics_of(trained / 'iter_4.pth')) == trained
    # A relative path starts above the run, wherever this is read.
    monkeypatch.chdir(write_training(tmp_path / 'here/work_dirs/trained').parents[1])
    relative = metrics_of('work_dirs/trained/iter_4.pth')
    assert training_folder(run, relative) == trained
    # Without a log beside the checkpoint it is the run's own folder.
    (tmp_path / 'weights').mkdir()
    assert training_folder(run, metrics_of(tmp_path / 'weights/iter_4.pth')) == run
    assert training_folder(run, {}) == run


def test_the_config_is_that_of_the_latest_training_not_of_a_test(tmp_path):
    write_training(tmp_path, '20260101_000000', iterations=1000)
    write_training(tmp_path, '20260102_000000', iterations=2000)
    later = tmp_path / '20260103_000000/vis_data'
    later.mkdir(parents=True)
    (later / 'config.py').write_text('train_cfg = dict(max_iters=7)\n')
    found = training_config(tmp_path, metrics_of(tmp_path / 'iter_2000.pth'))
    assert found.train_cfg.max_iters == 2000
    assert training_config(tmp_path / 'none', {}) is None


def test_a_budget_is_length_rate_batch_and_crop(tmp_path):
    cfg = training_config(write_training(tmp_path), {})
    assert read_budget(cfg) == {
        'iterations': '40,000',
        'learning rate': '0.0001',
        'batch size': '8',
        'crop': '512 × 384',
    }
    parts = dict(generator=dict(optimizer=dict(lr=5e-4)), critic=dict(optimizer=dict(lr=1e-4)))
    pair = [dict(crop_size=896), dict(crop_size=(512, 512))]
    cfg = Config(
        dict(
            train_cfg=dict(max_epochs=101),
            optim_wrapper=parts,
            train_dataloader=dict(batch_size=1, dataset=dict(source=pair[0], target=pair[1])),
        )
    )
    assert read_budget(cfg) == {
        'iterations': '101 epochs',
        'learning rate': 'generator 0.0005, critic 0.0001',
        'batch size': '1',
        'crop': '896 × 896, 512 × 512',
    }


@pytest.mark.parametrize('same', [True, False])
def test_budgets_that_differ_are_named(tmp_path, same):
    one = read_budget(training_config(write_training(tmp_path / 'a'), {}))
    other = read_budget(training_config(write_training(tmp_path / 'b', iterations=80000), {}))
    found = differing_budgets({'A': [one, one], 'B': [one if same else other, one]})
    assert found == ([] if same else ['iterations: A 40,000; B 40,000 and 80,000'])
    assert differing_budgets({'A': [one], 'B': [read_budget(None)]})[0] == (
        'iterations: A 40,000; B not recorded'
    )
