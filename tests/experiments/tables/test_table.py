"""Mistakes in a table file are reported; a config with varied values becomes a table."""

import pytest
from refusals import refusal
from small_tables import tiny

from depthda.errors import UserError
from depthda.experiments.tables.table import load_table, split_values

SAMPLE = 'configs/sample/upernet_tiny_u2r.py'


def test_rows_inherit_the_settings_of_the_table(write_table):
    rows = [tiny(), dict(name='x', title='X', absent='not here', paper=[1.5])]
    table = load_table(write_table(rows, protocol='server', sample={'null': True}))
    assert [row.protocol for row in table.rows] == ['server', 'server']
    assert table.rows[0].sample == {'null': True, 'train': 12, 'test': 2, 'size': 128}
    assert table.rows[1].paper == (1.5,)


@pytest.mark.parametrize(
    'row, message',
    [
        ({'title': 'x', 'absent': 'y'}, "has no 'name'"),
        (dict(name='x', title='x'), 'exactly one of'),
        (dict(name='x', title='x', absent='y', config=SAMPLE), 'exactly one of'),
        (dict(name='x', title='x', absent='y', papers=[1]), "did you mean 'paper'"),
        (dict(name='x', title='x', absent='y', paper=[1, 2]), '2 paper scores for 1 column: write'),
        (dict(name='x', title='x', absent='y', protocol='other'), "or 'server', not 'other'"),
        (dict(name='x', title='x', same_as='y'), "unknown row 'y'"),
        (tiny(baseline='y'), "unknown row 'y'"),
    ],
)
def test_a_wrong_row_is_named(write_table, row, message):
    with pytest.raises(UserError, match=message):
        load_table(write_table([row]))


def test_values_are_split_outside_brackets():
    assert split_values('0.05,1e-3,2') == [0.05, 1e-3, 2]
    assert split_values('[1,2],[3,4]') == [[1, 2], [3, 4]]
    assert split_values("concat,gated,'add'") == ['concat', 'gated', 'add']
    assert split_values('true,None') == [True, None]


def test_vary_makes_a_row_of_each_combination(at_root):
    vary = ['optim_wrapper.optimizer.lr=1e-3,3e-3', 'train_dataloader.batch_size=1,2']
    table = load_table(SAMPLE, vary)
    assert [dict(row.options) for row in table.rows] == [
        {'optim_wrapper.optimizer.lr': lr, 'train_dataloader.batch_size': size}
        for lr in (1e-3, 3e-3)
        for size in (1, 2)
    ]
    assert len({row.name for row in table.rows}) == 4


ABSENT = dict(name='x', title='X', absent='y')
CURVE = dict(x='dose', column='mIoU')
TUPLE = 'write a tuple of whole numbers such as (0, 1, 2).'


@pytest.mark.parametrize(
    'table, sentence',
    [
        (dict(rows=[]), '{path} has no rows: add at least one.'),
        (dict(rows=['x']), "row 1 of {path} is 'x': write dict(name=…, …)."),
        (
            dict(columns=[dict(key='OA', title='b'), dict(key='mIoU', titel='mIoU')]),
            "column 2 of {path}: unknown key 'titel': did you mean 'title'?",
        ),
        (dict(columns=[dict(key='mIoU')]), "column 1 of {path} has no 'title': add it."),
        (dict(columns=['mIoU']), "column 1 of {path} is 'mIoU': write dict(key=…, …)."),
        (
            dict(columns=[dict(key='Rural/mIou', title='mIoU')]),
            "column 1 of {path}: unknown score 'mIou': did you mean 'mIoU'? Write the score of a "
            'class as IoU.building.',
        ),
        (
            dict(curve=dict(CURVE, lines={}, colum='mIoU')),
            "the curve of {path}: unknown key 'colum': did you mean 'column'?",
        ),
        (dict(curve=CURVE), "the curve of {path} has no 'lines': add it."),
        (
            dict(rows=[dict(name='x', title='X', steps=[dict(train=SAMPLE), dict(tset=SAMPLE)])]),
            "step 2 of row 'x' of {path}: unknown key 'tset': did you mean 'test'?",
        ),
        (
            dict(rows=[ABSENT | dict(smoke=dict(steps=[dict(trian='z')]))]),
            "step 1 of smoke of row 'x' of {path}: unknown key 'trian': did you mean 'train'?",
        ),
        (
            dict(rows=[ABSENT | dict(smoke=dict(optoins={}))]),
            "smoke of row 'x' of {path}: unknown key 'optoins': did you mean 'options'?",
        ),
        (
            dict(rows=[tiny() | dict(options='a=1')]),
            "options of row 'rgb' of {path} is 'a=1': write a dict, {{key: value}}.",
        ),
        (dict(seeds=3), f'seeds of {{path}} is 3: {TUPLE}'),
        (dict(worlds='12'), f"worlds of {{path}} is '12': {TUPLE}"),
        (dict(seeds=(0.5, '1')), f"seeds of {{path}} is (0.5, '1'): {TUPLE}"),
        (dict(seeds=(0, 1, 0)), 'seeds of {path}: 0 appears twice: use each value once.'),
        (
            dict(rows=[tiny(baseline='rgb')]),
            "row 'rgb' of {path} is its own baseline: name the row that it is compared with.",
        ),
        (
            dict(rows=[tiny(checkpoint='bets')]),
            "row 'rgb' of {path}: unknown checkpoint 'bets': did you mean 'best'?",
        ),
        (
            dict(rows=[tiny() | dict(options={'randomness.seed': 7})]),
            "options of row 'rgb' of {path}: the seeds of the table set randomness.seed: set seeds "
            'in the table, or use --seeds.',
        ),
        (dict(rows=[tiny(), tiny()]), "two rows of {path} are named 'rgb': use different names."),
    ],
)
def test_mistakes_of_a_table_are_found_before_it_runs(write_table, table, sentence):
    path = write_table(**{'rows': [tiny()], **table})
    assert refusal(load_table, path) == sentence.format(path=path)


def test_a_misspelt_name_of_a_table_is_refused(write_table):
    path = write_table([tiny()])
    text = path.read_text()
    path.write_text(f'{text}\nfor seed in range(3):\n    pass\n')
    load_table(path)
    for changed in (text + '\nseed = (0, 1)\n', text.replace('seeds', 'seed') + '\nseed = 1\n'):
        path.write_text(changed)
        message = f"'seed' in {path} has no effect: did you mean 'seeds'?"
        assert refusal(load_table, path) == message


@pytest.mark.parametrize(
    'vary, message',
    [
        (['a=1', 'a=2'], '--vary has a twice: list all of its values together, a='),
        (['lr'], 'KEY=VALUE'),
        (['lr='], 'KEY=VALUE'),
        (['=3'], 'KEY=VALUE'),
        (['randomness.seed=0,1'], '--vary: the seeds of the table set randomness.seed: set '),
        (['a.lr=1e-3,0.001'], '--vary a.lr: 0.001 appears twice: use each value once.'),
    ],
)
def test_what_cannot_be_varied_is_refused(at_root, write_table, vary, message):
    assert message in refusal(load_table, SAMPLE, vary)
    assert 'is a table' in refusal(load_table, write_table([tiny()]), vary)
