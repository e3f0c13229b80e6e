"""Scores selected on labelled target images are distinguished from others."""

import pytest

from depthda.experiments.protocol import MEANINGS, judge, marks


def described(domains: list[str], root: str = 'data/loveda', **fields) -> dict:
    return {'data_root': root, 'domains': domains, **fields}


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
    'record, expected',
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
def test_a_selection_on_the_target_is_recognised(record, expected):
    assert judge(record)['target_selected'] is expected


def test_the_target_images_that_the_training_saw_are_recorded():
    assert judge(metrics(None))['target_images_seen'] is None
    both = judge(metrics(None, trained=('Urban', 'Rural')))
    assert both['target_images_seen']['domains'] == ['Urban', 'Rural']


def test_the_images_that_a_translation_learned_from_count():
    pair = {'type': 'DomainPairDataset', 'source': described(['Urban']), 'images': 9}
    record = metrics(None)
    record['trained_on'] = described(['Urban'], 'translated') | {
        'translation': {'trained_on': pair | {'target': described(['Rural'], split='Train')}}
    }
    assert judge(record)['target_images_seen'] == described(['Rural'], split='Train')
    translated = record['trained_on']
    record['trained_on'] = pair | {'target': described(['Other']), 'translated': translated}
    assert judge(record)['target_images_seen'] == described(['Rural'], split='Train')
    translated['translation']['trained_on']['target'] = described(['Elsewhere'])
    for trained_on in (record['trained_on'], translated):
        assert judge(record | {'trained_on': trained_on})['target_images_seen'] is None


def test_a_test_without_labels_uses_the_server_protocol():
    assert judge(metrics(None))['protocol'] == 'local'
    assert judge(metrics(None, report=False))['protocol'] == 'server'


def adapted(target: dict, tested: dict) -> dict:
    """Return the record of an adaptation to a target dataset."""
    record = metrics(described(['Urban'])) | {'tested_on': tested}
    source = described(['Urban'], splits=['Train'])
    record['trained_on'] = {'type': 'DomainPairDataset', 'source': source, 'target': target}
    return record


@pytest.mark.parametrize(
    'target, tested, transductive, mark',
    [
        (dict(splits=['Train']), dict(splits=['Val']), False, 'unlabelled target: Train'),
        (dict(splits=['Val']), dict(splits=['Val']), True, 'unlabelled target: Val'),
        (dict(splits=['Train']), dict(splits=['Val', 'Train']), True, 'unlabelled target: Train'),
        # A dataset with one split names it; 'all' includes every split.
        (dict(split='all'), dict(split='test'), True, 'unlabelled target: all'),
        (dict(split='train'), dict(split='test'), False, 'unlabelled target: train'),
        # Without splits, the datasets share their images if they share their folder.
        ({}, dict(split='test'), True, 'unlabelled target: all'),
    ],
)
def test_scored_images_among_the_unlabelled_ones_are_recognised(target, tested, transductive, mark):
    verdict = judge(adapted(described(['Rural'], **target), described(['Rural'], **tested)))
    assert verdict['transductive'] is transductive and verdict['target_images_seen']
    assert marks([verdict]) == ((mark, 'transductive') if transductive else (mark,))


def test_images_of_another_domain_are_not_the_target():
    elsewhere = described(['Rural'], 'data/other', splits=['Val'])
    verdict = judge(adapted(elsewhere, described(['Rural'], splits=['Val'])))
    assert not verdict['transductive'] and verdict['target_images_seen'] is None
    assert marks([verdict]) == ()


def test_only_the_splits_of_the_headline_decide():
    tested = described(['Rural'], splits=['Val', 'Train'])
    record = adapted(described(['Rural'], splits=['Train']), tested)
    record['report']['headline'] = 'Val'
    assert not judge(record)['transductive']


def test_labelled_target_images_are_not_marked_as_unlabelled():
    verdict = judge(metrics(described(['Rural']), trained=('Urban', 'Rural')))
    assert verdict['target_images_seen']['labelled']
    assert marks([verdict]) == ('target-selected',)


def test_a_row_has_the_marks_of_all_its_runs():
    tested = described(['Rural'], splits=['Val'])
    runs = [
        judge(adapted(described(['Rural'], splits=splits), tested))
        for splits in (['Val'], ['Train', 'Val'], ['Val'])
    ]
    plain = judge(metrics(described(['Urban'])))
    assert marks([plain, *runs]) == ('unlabelled target: Train + Val, Val', 'transductive')
    assert marks([]) == marks([plain]) == ()
    row_marks = marks([*runs, judge(metrics(described(['Rural'])))])
    assert all(any(mark.startswith(start) for start in MEANINGS) for mark in row_marks)
    assert row_marks[0] == 'target-selected'
