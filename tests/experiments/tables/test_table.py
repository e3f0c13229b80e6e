"""A table file says what is wrong with it; a config and values make a table of their own."""

import pytest
from small_tables import tiny

from depthda.errors import UserError
from depthda.experiments.tables.table import load_table, split_values

SAMPLE = 'configs/sample/upernet_tiny_u2r.py'


def test_rows_take_what_the_table_shares(write_table):
    rows = [tiny(), dict(name='x', title='X', absent='not here', paper=[1.5])]
    table = load_table(write_table(rows, protocol='server', sample={'null': True}))
    assert [row.protocol for row in table.rows] == ['server', 'server']
    assert table.rows[0].sample == {'null': True, 'train': 12, 'test': 2, 'size': 128}
    assert table.rows[1].paper == (1.5,)


@pytest.mark.parametrize(
    'row, said',
    [
        ({'title': 'x', 'absent': 'y'}, "has no 'name'"),
        (dict(name='x', title='x'), 'exactly one of'),
        (dict(name='x', title='x', absent='y', config=SAMPLE), 'exactly one of'),
        (dict(name='x', title='x', absent='y', papers=[1]), "did you mean 'paper'"),
        (dict(name='x', title='x', absent='y', paper=[1, 2]), '2 paper figures for 1 column: give'),
        (dict(name='x', title='x', absent='y', protocol='odd'), 'local, server'),
        (dict(name='x', title='x', same_as='y'), "no row 'y'"),
        (tiny(baseline='y'), "no row 'y'"),
    ],
)
def test_a_wrong_row_is_named(write_table, row, said):
    with pytest.raises(UserError, match=said):
        load_table(write_table([row]))


STEP = dict(train=SAMPLE)
CURVE = dict(x='dose', column='mIoU', lines={})


@pytest.mark.parametrize(
    'table, said',
    [
        (
            {'columns': [dict(key='a', title='b'), dict(key='mIoU', titel='mIoU')]},
            "column 2 of {path}: no key 'titel': did you mean 'title'?",
        ),
        ({'columns': [dict(key='mIoU')]}, "column 1 of {path} has no 'title'."),
        ({'columns': ['mIoU']}, "column 1 of {path} is 'mIoU': write dict(key=…, …)."),
        (
            {'curve': dict(CURVE, colum='mIoU')},
            "the curve of {path}: no key 'colum': did you mean 'column'?",
        ),
        ({'curve': dict(x='dose', column='mIoU')}, "the curve of {path} has no 'lines'."),
        (
            {'rows': [dict(name='x', title='X', steps=[STEP, dict(tset=SAMPLE)])]},
            "step 2 of row 'x' of {path}: no key 'tset': did you mean 'test'?",
        ),
        (
            {'rows': [dict(name='x', title='X', absent='y', smoke=dict(steps=[dict(trian='z')]))]},
            "step 1 of smoke of row 'x' of {path}: no key 'trian': did you mean 'train'?",
        ),
        (
            {'rows': [dict(name='x', title='X', absent='y', smoke=dict(optoins={}))]},
            "smoke of row 'x' of {path}: no key 'optoins': did you mean 'options'?",
        ),
        ({'rows': ['x']}, "row 1 of {path} is 'x': write dict(name=…, …)."),
    ],
)
def test_a_wrong_key_is_named_with_its_place(write_table, table, said):
    rows = table.get('rows', [tiny()])
    path = write_table(rows, **{key: table[key] for key in table if key != 'rows'})
    with pytest.raises(UserError) as caught:
        load_table(path)
    assert str(caught.value) == said.format(path=path)


def test_names_are_folders_and_must_differ(write_table):
    with pytest.raises(UserError, match="named 'rgb'"):
        load_table(write_table([tiny(), tiny()]))


def test_values_are_parted_outside_brackets():
    assert split_values('0.05,1e-3,2') == [0.05, 1e-3, 2]
    assert split_values('[1,2],[3,4]') == [[1, 2], [3, 4]]
    assert split_values("concat,gated,'add'") == ['concat', 'gated', 'add']
    assert split_values('true,None') == [True, None]


def test_vary_makes_a_row_of_each_combination(at_root):
    vary = ['optim_wrapper.optimizer.lr=1e-3,3e-3', 'randomness.seed=1,2']
    table = load_table(SAMPLE, vary)
    assert [dict(row.options) for row in table.rows] == [
        {'optim_wrapper.optimizer.lr': lr, 'randomness.seed': seed}
        for lr in (1e-3, 3e-3)
        for seed in (1, 2)
    ]
    assert len({row.name for row in table.rows}) == 4


@pytest.mark.parametrize('vary', ['lr', 'lr=', '=3'])
def test_vary_wants_a_key_and_values(at_root, vary):
    with pytest.raises(UserError, match='KEY=VALUE'):
        load_table(SAMPLE, [vary])


def test_a_table_is_not_varied(write_table):
    with pytest.raises(UserError, match='is a table'):
        load_table(write_table([tiny()]), ['a=1,2'])


@pytest.mark.parametrize(
    'mistake, said',
    [
        ('x = foo', "line 5: NameError: name 'foo' is not defined"),
        ('x = (1,', "line 5: SyntaxError: '(' was never closed"),
    ],
)
def test_a_mistake_in_a_table_has_its_line(write_table, mistake, said):
    path = write_table([tiny()])
    path.write_text(path.read_text() + mistake + '\n')
    with pytest.raises(UserError) as caught:
        load_table(path)
    assert str(caught.value) == f'{path}, {said}; correct the table.'


def test_a_wrong_path_names_its_neighbours(at_root):
    with pytest.raises(UserError, match='upernet_tiny_u2r.py'):
        load_table('configs/sample/upernet.py')
