"""The figures of the papers in the tables are complete and consistent with each other."""

from pathlib import Path

import pytest

from depthda.experiments.tables.table import Table, load_table

TABLES = Path(__file__).parents[1] / 'configs' / 'tables'
NAMES = sorted(path.stem for path in TABLES.glob('*.py'))
LOVEDA = ('loveda-u2r', 'loveda-r2u')
DRDG = 'drdg_potsdam2vaihingen'
PAPERS = [*LOVEDA, 'depthseg-table1', 'depthseg-table2', DRDG]
MEAN_TOLERANCE = 0.02


def read(name: str) -> Table:
    return load_table(TABLES / f'{name}.py')


def paper(table: Table, row: str) -> dict[str, float]:
    """Return the figures that the paper prints in a row, by the keys of the columns."""
    keys = [('gain ' if column.gain else '') + column.key for column in table.columns]
    printed = zip(keys, table.row(row).paper, strict=True)
    return {key: value for key, value in printed if value is not None}


def test_every_table_of_the_papers_is_here_with_all_its_rows():
    assert {*PAPERS, 'synthetic', 'synthetic-controls'} <= set(NAMES)
    counts = {name: sum(bool(row.paper) for row in read(name).rows) for name in PAPERS}
    assert counts == dict(zip(PAPERS, (16, 16, 6, 12, 10), strict=True))
    assert not [row.name for name in NAMES for row in read(name).rows if row.absent]


@pytest.mark.parametrize('name', LOVEDA)
def test_a_loveda_mean_agrees_with_its_classes_or_is_marked(name):
    table = read(name)
    assert [column.key for column in table.columns][-1] == 'mIoU' and len(table.columns) == 8
    for row in [row for row in table.rows if row.paper]:
        *values, printed = row.paper
        mean = sum(values) / len(values)
        wrong = abs(mean - printed) > MEAN_TOLERANCE
        flag = f'classes average {mean:.2f}, but its mIoU is printed as {printed:.2f}'
        assert wrong == ('misprint' in row.note) == (flag in row.note), (row.name, mean, printed)


def test_the_means_of_the_main_rows_and_the_titles_of_two_rows_with_one_name():
    u2r, r2u = read('loveda-u2r'), read('loveda-r2u')
    means = [paper(u2r, row)['mIoU'] for row in ('convnext-b', 'convnext-b-s', 'convnext-xl-b')]
    assert means == [47.13, 48.98, 49.71]
    means = [paper(r2u, row)['mIoU'] for row in ('convnext-b', 'convnext-b-b', 'convnext-xl-b')]
    assert means == [44.11, 46.73, 47.68]
    printed = [row for row in u2r.rows if row.paper]
    twins = [row for row in printed if 'ST-DASegNet (SegFormer' in row.title]
    assert len(twins) == 2 and twins[0].title != twins[1].title
    assert all('two rows of this name' in row.note for row in twins)


def test_depthseg_gains_are_differences_of_its_figures():
    table = read('depthseg-table2')
    compared = 0
    for row in table.rows:
        printed = paper(table, row.name)
        gains = {key: value for key, value in printed.items() if key.startswith('gain ')}
        assert len(gains) == (4 if row.baseline else 0)
        base = paper(table, row.baseline) if row.baseline else {}
        for key, gain in gains.items():
            metric = key.removeprefix('gain ')
            assert round(printed[metric] - base[metric], 2) == gain, (row.name, metric)
            compared += 1
    assert compared == 36


@pytest.mark.parametrize('encoder', 'sbl')
def test_the_tables_of_depthseg_agree(encoder):
    first = paper(read('depthseg-table1'), f'depthseg-{encoder}')
    second = paper(read('depthseg-table2'), f'{encoder}-both')
    shared = ('mF1', 'mIoU', 'OA', 'Kappa')
    assert [first[key] for key in shared] == [second[key] for key in shared]


def test_a_drdg_mean_is_that_of_its_classes():
    table = read(DRDG)
    first = [row for row in table.rows if row.section == 'Table I']
    assert len(first) == 6
    for row in first:
        printed = paper(table, row.name)
        for score in ('IoU', 'F1'):
            values = [value for key, value in printed.items() if key.startswith(f'{score}.')]
            assert len(values) == 6
            assert abs(sum(values) / 6 - printed[f'm{score}']) <= MEAN_TOLERANCE, row.name
        for key, iou in printed.items():
            if key.startswith('IoU.'):
                # F1 is concave in IoU: its mean over batches is below the F1 of the mean.
                of_the_mean = 200 * iou / (100 + iou)
                assert printed[key.replace('IoU', 'F1')] <= of_the_mean + 0.01, (row.name, key)


def test_drdg_tables_agree():
    table = read(DRDG)
    for row in ('rdg', 'drdg'):
        first, second = paper(table, row), paper(table, f'{row}-2')
        assert second == {key: first[key] for key in second} and len(second) == 4
        # The paper reports means over batches, for which these rows have separate columns.
        assert [first[f'released/{key}'] for key in ('mIoU', 'mF1')] == [*second.values()][:2]
