import pytest
from mmengine.config import Config

from depthda.experiments.budget import differing_budgets, read_budget

CONFIG = """
train_cfg = dict(type='IterBasedTrainLoop', max_iters={iterations}, val_interval=10)
optim_wrapper = dict(optimizer=dict(type='AdamW', lr={rate}), accumulative_counts=2)
train_dataloader = dict(batch_size=4, dataset=dict(type='X', pipeline=[
    dict(type='LoadImageFromFile'), dict(type='BalancedCrop', crop_size=(512, 384))]))
"""


def config(**values):
    content = CONFIG.format(**dict(iterations=40000, rate=1e-4) | values)
    return Config.fromstring(content, '.py')


def test_a_budget_is_length_rate_batch_and_crop():
    assert read_budget(config()) == {
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
def test_budgets_that_differ_are_named(same):
    one, other = read_budget(config()), read_budget(config(iterations=80000))
    phrases = differing_budgets({'A': [one, one], 'B': [one if same else other, one]})
    assert phrases == ([] if same else ['iterations: A 40,000; B 40,000 and 80,000'])
    assert differing_budgets({'A': [one], 'B': [read_budget(None)]})[0] == (
        'iterations: A 40,000; B not recorded'
    )
