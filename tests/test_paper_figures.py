"""The figures of the papers in the tables are complete and consistent with each other."""

from pathlib import Path

import pytest

from depthda.experiments.tables.table import Row, Table, load_table

TABLES = Path(__file__).parents[1] / 'configs' / 'tables'
NAMES = sorted(path.stem for path in TABLES.glob('*.py'))
LOVEDA = ('loveda-u2r', 'loveda-r2u')
DRDG = 'drdg_potsdam2vaihingen'
PAPERS = [*LOVEDA, 'depthseg-table1', 'depthseg-table2', DRDG]
MEAN_TOLERANCE = 0.02


def read(name: str) -> Table:
    return load_table(TABLES / f'{name}.py')


def paper(table: Table, row: str) -> dict[str, float]:
    """Return the figures of the paper in a row, by the keys of their columns."""
    keys = [('gain ' if column.gain else '') + column.key for column in table.columns]
    published = zip(keys, table.row(row).paper, strict=True)
    return {key: value for key, value in published if value is not None}


def test_the_tables_have_all_rows_of_the_papers():
    assert {*PAPERS, 'synthetic', 'synthetic-controls'} <= set(NAMES)
    counts = {name: sum(bool(row.paper) for row in read(name).rows) for name in PAPERS}
    assert counts == dict(zip(PAPERS, (16, 16, 6, 12, 10), strict=True))


@pytest.mark.parametrize('name', LOVEDA)
def test_a_loveda_mean_agrees_with_its_classes_or_is_marked(name):
    table = read(name)
    assert [column.key for column in table.columns][-1] == 'mIoU' and len(table.columns) == 8
    for row in table.rows:
        if row.paper:
            check_mean(row, row.paper[:-1], row.paper[-1])


def check_mean(row: Row, values: tuple[float, ...], published: float) -> None:
    mean = sum(values) / len(values)
    wrong = abs(mean - published) > MEAN_TOLERANCE
    flag = f'classes average {mean:.2f}, its mIoU is published as {published:.2f}'
    assert wrong == ('misprint' in row.note) == (flag in row.note), (row.name, mean, published)


def test_only_methods_outside_this_project_are_absent():
    for name in NAMES:
        for row in read(name).rows:
            assert row.absent in (None, 'method not in this project'), (name, row.name)


def test_the_means_of_the_papers_main_rows():
    u2r, r2u = read('loveda-u2r'), read('loveda-r2u')
    means = [paper(u2r, row)['mIoU'] for row in ('convnext-b', 'convnext-b-s', 'convnext-xl-b')]
    assert means == [47.13, 48.98, 49.71]
    means = [paper(r2u, row)['mIoU'] for row in ('convnext-b', 'convnext-b-b', 'convnext-xl-b')]
    assert means == [44.11, 46.73, 47.68]


def test_two_rows_of_the_same_name_have_different_titles():
    rows = [row for row in read('loveda-u2r').rows if 'ST-DASegNet (SegFormer' in row.title]
    assert len(rows) == 2 and rows[0].title != rows[1].title
    assert all('two rows of this name' in row.note for row in rows)


def test_the_gains_of_depthseg_are_differences_of_its_figures():
    table = read('depthseg-table2')
    compared = 0
    for row in table.rows:
        published = paper(table, row.name)
        gains = {key: value for key, value in published.items() if key.startswith('gain ')}
        assert len(gains) == (4 if row.baseline else 0)
        base = paper(table, row.baseline) if row.baseline else {}
        for key, gain in gains.items():
            metric = key.removeprefix('gain ')
            assert round(published[metric] - base[metric], 2) == gain, (row.name, metric)
            compared += 1
    assert compared == 36


@pytest.mark.parametrize('encoder', 'sbl')
def test_the_tables_of_depthseg_agree(encoder):
    first = paper(read('depthseg-table1'), f'depthseg-{encoder}')
    second = paper(read('depthseg-table2'), f'{encoder}-both')
    shared = ('mF1', 'mIoU', 'OA', 'Kappa')
    assert [first[key] for key in shared] == [second[key] for key in shared]


def test_a_drdg_mean_agrees_with_its_classes():
    table = read(DRDG)
    first = [row for row in table.rows if row.section == 'Table I']
    assert len(first) == 6
    for row in first:
        published = paper(table, row.name)
        for score in ('IoU', 'F1'):
            values = [value for key, value in published.items() if key.startswith(f'{score}.')]
            assert len(values) == 6
            assert abs(sum(values) / 6 - published[f'm{score}']) <= MEAN_TOLERANCE, row.name
        for key, iou in published.items():
            if key.startswith('IoU.'):
                # F1 is concave in IoU, so its mean over batches is at most the F1 of the mean IoU.
                limit = 200 * iou / (100 + iou)
                assert published[key.replace('IoU', 'F1')] <= limit + 0.01, (row.name, key)


def test_the_tables_of_drdg_agree():
    table = read(DRDG)
    for row in ('rdg', 'drdg'):
        first, second = paper(table, row), paper(table, f'{row}-2')
        assert second == {key: first[key] for key in second} and len(second) == 4
        # The paper reports means over batches, for which these rows have separate columns.
        assert [first[f'released/{key}'] for key in ('mIoU', 'mF1')] == [*second.values()][:2]
