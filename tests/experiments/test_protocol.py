"""Scores selected on labelled target images are distinguished from others."""

import pytest

from depthda.experiments.protocol import judge


def described(domains: list[str], root: str = 'data/loveda', **rest) -> dict:
    return {'data_root': root, 'domains': domains, **rest}


def metrics(
    selected_on, tested=('Rural',), trained=('Urban',), headline='all', report=True
) -> dict:
    return {
        'selection': {'rule': 'best mIoU', 'on': selected_on},
        'trained_on': described(list(trained)),
        'tested_on': described(list(tested)),
        'report': {'headline': headline} if report else None,
    }


@pytest.mark.parametrize(
    'found, expected',
    [
        (metrics(None), False),
        (metrics(described(['Urban'])), False),
        (metrics(described(['Rural'])), True),
        (metrics(described(['Rural'], 'data/other')), False),
        (metrics(described(['Urban', 'Rural'])), True),
        # Two domains were tested; only the headline's is the target.
        (metrics(described(['Urban']), ('Rural', 'Urban'), headline='Rural'), False),
        (metrics(described(['Rural']), ('Rural', 'Urban'), headline='Test/Rural'), True),
        # Without domains, the folder decides.
        (metrics({'data_root': 'data/loveda'}), True),
        (metrics({'data_root': 'data/elsewhere'}), False),
    ],
)
def test_a_selection_on_the_target_is_recognised(found, expected):
    assert judge(found)['target_selected'] is expected


def test_which_target_images_were_seen():
    assert judge(metrics(None))['target_images_seen'] is None
    both = judge(metrics(None, trained=('Urban', 'Rural')))
    assert both['target_images_seen']['domains'] == ['Urban', 'Rural']


def test_the_images_that_a_translation_learned_from_count():
    pair = {'type': 'DomainPairDataset', 'source': described(['Urban']), 'images': 9}
    found = metrics(None)
    found['trained_on'] = described(['Urban'], 'translated') | {
        'translation': {'trained_on': pair | {'target': described(['Rural'], split='Train')}}
    }
    assert judge(found)['target_images_seen'] == described(['Rural'], split='Train')
    found['trained_on']['translation']['trained_on']['target'] = described(['Elsewhere'])
    assert judge(found)['target_images_seen'] is None


def test_a_test_without_labels_belongs_to_the_server():
    assert judge(metrics(None))['protocol'] == 'local'
    assert judge(metrics(None, report=False))['protocol'] == 'server'
