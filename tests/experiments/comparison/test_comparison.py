import json
import re
from datetime import datetime, timezone

import numpy as np
import pytest
from refusals import refusal

from depthda.checkpoints.loading import file_hash
from depthda.errors import UserError
from depthda.evaluation.segmentation_metric import SegmentationMetric
from depthda.evaluation.tile_counts import TileCounts, save_tiles
from depthda.experiments.comparison.compare import block_ids, compare
from depthda.experiments.comparison.text import explain, markdown, title
from depthda.experiments.tested_run import find_runs
from depthda.io.files import write_json

CLASSES = ['background', 'road', 'water']
SOURCE = {'data_root': 'data', 'domains': ['Urban'], 'splits': ['Train'], 'images': 40}
TARGET = {'data_root': 'data', 'domains': ['Rural'], 'splits': ['Test'], 'images': 6}


def make_tiles(skill, world=0, noise=0, images=6, classes=CLASSES, domains=('Rural',), first=8):
    """Draw counts of a model that is correct with probability ``skill``; labels depend on world."""
    size = len(classes)
    labels = np.random.default_rng(100 + world).multinomial(900, [1 / size] * size, images)
    rng = np.random.default_rng([noise, int(1e6 * skill)])
    wrong = (1 - skill) / (size - 1)
    shares = np.full((size, size), wrong) + np.eye(size) * (skill - wrong)
    counts = np.zeros((images, size + 1, size), np.int64)
    for tile, row in zip(counts, labels, strict=True):
        tile[:-1] = [rng.multinomial(n, share) for n, share in zip(row, shares, strict=True)]
        tile[-1, 0] = 5
    names = [f'/data/Test/images_png/{first + i}.png' for i in range(images)]
    domains = [domains[i % len(domains)] for i in range(images)]
    splits = np.array(['Test'] * images)
    return TileCounts(np.array(names), np.array(domains), splits, np.array(classes), counts)


def make_run(folder, skill, seed=0, world=None, result=True, tiles=None, headline=None, **metrics):
    """Write a run's folder as the real writers do, with ``tiles`` or with random ones."""
    tiles = tiles or make_tiles(skill, world or 0, noise=seed or 0)
    save_tiles(folder / 'tiles.npz', tiles)
    metric = SegmentationMetric(headline=headline)
    report = metric._make_report(tiles)
    content = dict(
        selection={'rule': 'last iteration', 'on': None},
        trained_on=SOURCE,
        tested_on=TARGET,
        tta=False,
        seed=seed,
        report=report,
    )
    write_json(folder / 'metrics.json', content | metrics)
    if world is not None:
        write_json(folder / 'run.json', dict(world=world, seed=seed))
        if result:
            write_json(folder / 'result.json', dict(world=world, seed=seed, state='done'))
    return folder


def miou(folder, group='all'):
    report = json.loads((folder / 'metrics.json').read_text())['report']
    return report['groups'][group]['means']['mIoU']


def test_runs_are_paired_by_seed_and_have_the_scores_of_the_metric(tmp_path):
    for name, skill in (('a', 0.6), ('b', 0.7)):
        for seed in (2, 0, 1):
            make_run(tmp_path / name / f'seed-{seed}', skill, seed)
    result = compare(tmp_path / 'a', tmp_path / 'b', resamples=50)
    assert [pair['seed'] for pair in result['pairs']] == [0, 1, 2]
    gains = []
    for pair in result['pairs']:
        a, b = (miou(tmp_path / name / f'seed-{pair["seed"]}') for name in 'ab')
        assert (pair['a']['mIoU'], pair['b']['mIoU']) == pytest.approx((a, b))
        assert pair['difference'] == pytest.approx(b - a)
        gains.append(b - a)
    row = result['mIoU']
    assert row['difference'] == pytest.approx(np.mean(gains))
    assert row['difference'] == pytest.approx(row['b'] - row['a'])
    half = 4.302653 * np.std(gains, ddof=1) / 3**0.5
    over = row['over_training']
    assert over['n'] == 3 and result['unit'] == 'seed'
    assert (over['low'], over['high']) == pytest.approx(
        (row['difference'] - half, row['difference'] + half)
    )
    assert row['over_tiles']['low'] < row['difference'] < row['over_tiles']['high']
    assert result['tiles'] == result['blocks'] == [6] and not result['notes']
    assert json.loads(json.dumps(result, allow_nan=False)) == result


def test_worlds_are_the_units_if_there_are_several(tmp_path):
    for name, skill in (('a', 0.6), ('b', 0.7)):
        for world in (0, 1, 2):
            for seed in (0, 1):
                folder = tmp_path / name / f'world-{world}_seed-{seed}-{name}'
                make_run(folder, skill, seed, world)
    result = compare(tmp_path / 'a', tmp_path / 'b', resamples=20)
    gains = np.array([pair['difference'] for pair in result['pairs']]).reshape(3, 2).mean(1)
    half = 4.302653 * np.std(gains, ddof=1) / 3**0.5
    over = result['mIoU']['over_training']
    assert result['unit'] == 'world' and over['n'] == 3
    assert over['high'] - over['low'] == pytest.approx(2 * half)
    assert result['tiles'] == [6, 6, 6]
    assert title(result) == 'IoU in % on all: 6 pairs of runs, 6 images per world'
    assert any('3 worlds' in line for line in explain(result, per_class=False))


def test_a_class_that_never_occurs_has_no_score(tmp_path):
    for name, skill in (('a', 0.6), ('b', 0.7)):
        tiles = make_tiles(skill)
        counts = np.pad(tiles.counts, ((0, 0), (0, 1), (0, 1)))
        counts[:, -1], counts[:, -2] = counts[:, -2].copy(), 0
        classes = np.array([*CLASSES, 'barren'])
        padded = TileCounts(tiles.names, tiles.domains, tiles.splits, classes, counts)
        make_run(tmp_path / name, skill, tiles=padded)
    result = compare(tmp_path / 'a', tmp_path / 'b', resamples=20)
    assert result['per_class']['barren'] is None
    classes = [row['difference'] for row in result['per_class'].values() if row]
    assert result['mIoU']['difference'] == pytest.approx(np.mean(classes))
    assert '| barren | – | – | – | – | – |' in markdown(result, per_class=True)


def test_the_group_is_the_headline_or_the_chosen_one(tmp_path):
    tiles = {n: make_tiles(s, domains=('Rural', 'Urban')) for n, s in (('a', 0.6), ('b', 0.7))}
    for name, counts in tiles.items():
        make_run(tmp_path / name, 0, tiles=counts, headline='Urban')
    a, b = tmp_path / 'a', tmp_path / 'b'
    for group in ('Urban', 'Rural', 'all'):
        result = compare(a, b, None if group == 'Urban' else group, resamples=5)
        assert result['group'] == group
        assert result['mIoU']['difference'] == pytest.approx(miou(b, group) - miou(a, group))
    with pytest.raises(UserError, match="a: 'Val' is not a group.*Rural, Urban, Test"):
        compare(a, b, 'Val')
    make_run(tmp_path / 'b', 0, tiles=tiles['b'], headline='Rural')
    with pytest.raises(UserError, match=r'\(Rural, Urban\): choose one with --group'):
        compare(a, b)


def test_the_order_and_the_folder_of_the_images_do_not_matter(tmp_path):
    tiles = {'a': make_tiles(0.6), 'b': make_tiles(0.7)}
    for name, counts in tiles.items():
        make_run(tmp_path / name, 0, tiles=counts)
    back = slice(None, None, -1)
    moved = np.array([n.replace('/data', '/elsewhere') for n in tiles['b'].names])[back]
    b = tiles['b']
    turned = TileCounts(moved, b.domains[back], b.splits[back], b.classes, b.counts[back])
    make_run(tmp_path / 'turned', 0, tiles=turned)
    one, other = (compare(tmp_path / 'a', tmp_path / n, resamples=30) for n in ('b', 'turned'))
    assert one['mIoU'] == other['mIoU']


def test_what_cannot_be_compared_is_refused(tmp_path):
    a = make_run(tmp_path / 'a', 0.6)
    fewer = make_run(tmp_path / 'fewer', 0, tiles=make_tiles(0.7, images=5))
    assert re.search(
        r'same images \(6 and 5 images; only in one of them: Rural/Test/13\)',
        refusal(compare, a, fewer),
    )
    domain = make_run(tmp_path / 'urban', 0, tiles=make_tiles(0.7, domains=('Urban',)))
    assert 'same images' in refusal(compare, a, domain)
    labels = make_run(tmp_path / 'labels', 0, tiles=make_tiles(0.7, world=1))
    message = refusal(compare, a, labels)
    assert re.search(r'different labels for 6 images \(such as /data/.*/10.png', message)
    classes = make_run(tmp_path / 'classes', 0, tiles=make_tiles(0.7, classes=list('abc')))
    assert 'different classes' in refusal(compare, a, classes)
    for seed in (4, 5):
        make_run(tmp_path / 'seeds' / f'{seed}', 0.7, seed=seed)
    text = 'A (seed 0) and B (seed 4; seed 5) have no world and seed in common'
    assert text in refusal(compare, a, tmp_path / 'seeds')
    assert 'smaller --block' in refusal(compare, a, make_run(tmp_path / 'b', 0.7), block=6)
    assert refusal(compare, a, a, block=0) == '--block 0: use 1 or more'
    same = f'A and B are both {a}: name the folders of two runs.'
    assert refusal(compare, a, tmp_path / 'b' / '..' / 'a') == same
    make_run(tmp_path / 'two' / 'x', 0.6)
    make_run(tmp_path / 'two' / 'y', 0.6)
    assert re.search(
        r'A has two runs with seed 0, .*/x and .*/y', refusal(compare, tmp_path / 'two', a)
    )


def test_a_single_run_is_compared_with_a_single_run_of_any_seed(tmp_path):
    # Label maps that other code predicted have no seed.
    a, b = make_run(tmp_path / 'a', 0.6), make_run(tmp_path / 'b', 0.7, seed=None)
    result = compare(a, b, resamples=5)
    assert result['mIoU']['difference'] == pytest.approx(miou(b) - miou(a))
    note = 'A has seed 0, and B has an unknown seed. The two runs are compared as a pair.'
    assert note in result['notes'] and len(result['pairs']) == 1


def test_folders_that_are_not_tested_runs_are_refused(tmp_path):
    a = make_run(tmp_path / 'a', 0.6)
    assert 'there is no folder' in refusal(compare, tmp_path / 'none', a)
    (tmp_path / 'empty').mkdir()
    assert 'no tested run' in refusal(compare, tmp_path / 'empty', a)
    server = make_run(tmp_path / 'server', 0.6, report=None)
    assert 'server protocol' in refusal(compare, a, server)
    stale = make_run(tmp_path / 'stale', 0.6)
    save_tiles(stale / 'tiles.npz', make_tiles(0.7))
    assert re.search(
        'in .*stale are from different tests: test the run again', refusal(compare, a, stale)
    )
    (stale / 'tiles.npz').unlink()
    assert re.search('stale/tiles.npz .* does not exist', refusal(compare, a, stale))
    (stale / 'metrics.json').write_text('{')
    assert re.search('stale/metrics.json cannot be read as JSON', refusal(compare, a, stale))


def notes_of(tmp_path, **metrics):
    a = make_run(tmp_path / 'a', 0.6)
    b = make_run(tmp_path / 'b', 0.7, **metrics)
    return compare(a, b, resamples=5)['notes']


def test_different_protocols_are_noted(tmp_path):
    chosen = {'rule': 'best mIoU', 'on': TARGET}
    notes = notes_of(tmp_path, selection=chosen)
    assert any("B's checkpoint was chosen on labelled images of the tested" in n for n in notes)
    assert any('A last iteration; B best mIoU' in note for note in notes)
    honest = {'rule': 'best mIoU', 'on': SOURCE}
    assert not any('labelled images' in note for note in notes_of(tmp_path, selection=honest))
    (note,) = notes_of(tmp_path, tta=True)
    assert note == 'the protocols differ (test-time augmentation: A False; B True).'
    (note,) = notes_of(tmp_path, trained_on=SOURCE | {'splits': ['Train', 'Val']})
    assert "A domains ['Urban'], splits ['Train']," in note and "['Train', 'Val']" in note
    assert notes_of(tmp_path, trained_on=SOURCE | {'data_root': 'elsewhere'}) == []


def test_a_checkpoint_that_was_overwritten_after_the_test_is_noted(tmp_path):
    path = tmp_path / 'b/iter_4.pth'
    path.parent.mkdir()
    path.write_bytes(b'first')
    before = datetime.fromtimestamp(path.stat().st_mtime - 60, timezone.utc).isoformat()
    after = datetime.fromtimestamp(path.stat().st_mtime + 60, timezone.utc).isoformat()
    record = dict(file='b/iter_4.pth', sha256=file_hash(path))
    assert notes_of(tmp_path, checkpoint=record, finished=before) == []  # a copy
    path.write_bytes(b'second')
    assert notes_of(tmp_path, checkpoint=record, finished=after) == []
    (note,) = notes_of(tmp_path, checkpoint=record, finished=before)
    assert note == (
        f'{tmp_path / "b"} was tested before its checkpoint was overwritten: test the run again.'
    )
    path.unlink()
    assert notes_of(tmp_path, checkpoint=record, finished=before) == []


def test_different_budgets_are_noted(tmp_path):
    for name, lines in (
        ('a', 'train_cfg = dict(max_iters=100)\ntrain_dataloader = dict(batch_size=4)\n'),
        ('b', 'train_cfg = dict(max_iters=200)\ntrain_dataloader = dict(batch_size=4)\n'),
    ):
        folder = tmp_path / name / '20260101_000000' / 'vis_data'
        folder.mkdir(parents=True)
        (folder / 'config.py').write_text(lines)
        (folder / 'scalars.json').write_text('')
    assert notes_of(tmp_path) == ['the training budgets differ (iterations: A 100; B 200).']


def test_runs_without_a_partner_and_unfinished_runs_are_left_out_with_a_note(tmp_path):
    for seed in (0, 1, 2):
        make_run(tmp_path / 'a' / str(seed), 0.6, seed, world=3, result=seed != 2)
    for seed in (0, 3):
        make_run(tmp_path / 'b' / str(seed), 0.7, seed, world=3)
    result = compare(tmp_path / 'a', tmp_path / 'b', resamples=5)
    assert [(pair['world'], pair['seed']) for pair in result['pairs']] == [(3, 0)]
    unfinished, only_a, only_b = result['notes']
    assert re.search('A: .*/a/2 has not finished', unfinished)
    assert only_a.startswith('only A has world 3, seed 1:')
    assert only_b.startswith('only B has world 3, seed 3:')
    assert any('one pair cannot show' in line for line in explain(result, per_class=False))


def test_runs_are_found_two_levels_down_and_not_inside_runs(tmp_path):
    for folder in ('row/seed-0', 'row/seed-1', 'row/seed-1/20260101_000000', 'x/y/z'):
        make_run(tmp_path / folder, 0.6)
    found = [path.relative_to(tmp_path).as_posix() for path in find_runs(tmp_path)]
    assert found == ['row/seed-0', 'row/seed-1']
    assert find_runs(tmp_path / 'row' / 'seed-1') == [tmp_path / 'row' / 'seed-1']


def test_blocks_are_neighbours_by_number_within_a_domain():
    tiles = make_tiles(0.6, images=6, first=8, domains=('Urban', 'Rural'))
    # Rural 9, 11, 13 and Urban 8, 10, 12 alternate; 9 comes before 10.
    assert tiles.domains.tolist() == ['Urban', 'Rural'] * 3
    assert block_ids(tiles, 2).tolist() == [2, 0, 2, 0, 3, 1]
    assert block_ids(make_tiles(0.6), 3).tolist() == [0, 0, 0, 1, 1, 1]
    assert sorted(block_ids(tiles, 1)) == list(range(6))
