"""Comparisons of runs, by the command."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from depthda.evaluation.segmentation_metric import SegmentationMetric
from depthda.evaluation.tile_counts import TileCounts, save_tiles
from depthda.io.files import write_json


@pytest.fixture
def run(run_here, monkeypatch):
    monkeypatch.setenv('COLUMNS', '100')
    return partial(run_here, 'compare')


@pytest.fixture(autouse=True)
def runs(tmp_path):
    """Write two runs A and two runs B on four images, with 6 and 4 pixels of two classes."""
    # Correct pixels of the two classes in each image.
    correct = {('a', 0): (3, 2), ('a', 1): (4, 2), ('b', 0): (5, 2), ('b', 1): (5, 3)}
    for (name, seed), (first, second) in correct.items():
        one = np.array([[first, 6 - first], [4 - second, second], [0, 1]], np.int64)
        texts = ([f'{i}.png' for i in range(4)], ['Rural'] * 4, ['Test'] * 4, ['ground', 'road'])
        tiles = TileCounts(*map(np.array, texts), np.stack([one] * 4))
        folder = tmp_path / name / f'seed-{seed}'
        save_tiles(folder / 'tiles.npz', tiles)
        content = dict(report=SegmentationMetric()._make_report(tiles), seed=seed, tta=False)
        data = {'data_root': 'data', 'domains': ['Rural']}
        content |= dict(tested_on=data, trained_on=None, selection=None)
        write_json(folder / 'metrics.json', content)


# Computed by hand: ground 3/8, 4/8 and 5/8, 5/7; road 2/7, 2/6 and 2/5, 3/5; all images are alike.
# mIoU 33.04, 41.67 and 51.25, 65.71: gains 18.21 and 24.05, mean 21.13 ± 12.706 · 2.917.
PRINTED = """\
A  a
B  b
IoU in % on all: 2 pairs of runs, 4 images

             A       B    B − A   95 % over seeds   95 % over tiles
 ───────────────────────────────────────────────────────────────────
  mIoU   37.35   58.48   +21.13   -15.93 … +58.19   +21.13 … +21.13
"""


def test_it_prints_the_table_and_what_it_covers(run):
    status, out, err = run('a', 'b', '--resamples', '100')
    assert (status, err) == (0, '')
    lines = [line.rstrip() for line in out.splitlines()]
    assert '\n'.join(lines[:7]) + '\n' == PRINTED
    text = ' '.join(' '.join(lines[7:]).split())
    assert text.startswith('Over seeds: paired t interval of 2 seeds. It covers the randomness of')
    assert 'bootstrap of 4 images, 100 resamples' in text and '(--block)' in text
    assert 'Fewer than 20 images' in text


def test_it_prints_the_score_for_every_rule_of_selection(run, tmp_path):
    """B was validated on source and target during training; A was not."""
    history = [(60, 40), (70, 45), (65, 50), (66, 42)]
    folder = tmp_path / 'b' / 'seed-1' / '20260101_000000' / 'vis_data'
    folder.mkdir(parents=True)
    lines = [
        json.dumps({'mIoU': source, 'Rural/mIoU': target, 'step': 10 * step}) + '\n'
        for step, (source, target) in enumerate(history, 1)
    ]
    (folder / 'scalars.json').write_text(''.join(lines))
    (folder / 'config.py').write_text("val_evaluator = dict(headline='Urban')\n")
    for path in tmp_path.glob('*/*/metrics.json'):
        trained = {'data_root': 'data', 'domains': ['Urban']}
        write_json(path, json.loads(path.read_text()) | {'trained_on': trained})
    status, out, _ = run('a', 'b', '--resamples', '100', '--out', 'gain.json')
    sentence = (
        'Selection, B, b/seed-1 (validations during training): target mIoU best on target 50.00, '
        'last 42.00, chosen on source 45.00, optimism +5.00.'
    )
    assert status == 0 and ' '.join(out.split()).endswith(sentence) and out.count('Selection') == 1
    (entry,) = json.loads(Path('gain.json').read_text())['selection']
    assert (entry['folder'], entry['steps'], entry['optimism']) == (
        'b/seed-1',
        [30, 40, 20],
        5,
    )


def test_it_writes_markdown_and_json(run):
    assert run('a', 'b', '--per-class', '--block', '2', '--out', 'gain.md')[0] == 0
    text = Path('gain.md').read_text(encoding='utf-8')
    assert '# IoU in % on all: 2 pairs of runs, 4 images\n\nA: `a`\\\nB: `b`\n' in text
    assert '| ground | 43.75 | 66.96 | +23.21 |' in text
    assert '| road | 30.95 | 50.00 | +19.05 |' in text
    assert '2 blocks of 2 neighbouring images, 10,000 resamples' in text
    assert run('a', 'b', '--out', 'gain.json', '--seed', '3')[0] == 0
    result = json.loads(Path('gain.json').read_text())
    assert result['mIoU']['difference'] == pytest.approx(21.13, abs=0.005)
    assert (result['bootstrap_seed'], result['block'], len(result['pairs'])) == (3, 1, 2)
    for name in ('gain.md', 'gain.json'):  # one comparison may replace another
        assert run('a', 'b', '--out', name, '--resamples', '100')[0] == 0


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (('a', 'c'), 'error: there is no folder c: give a tested run, or a folder of runs.\n'),
        (('a', 'b', '--out', 'x.txt'), 'error: --out x.txt: use a name that ends with .md'),
        (('a', 'b', '--resamples', '99'), 'error: --resamples 99 is too low for a 95'),
        (
            ('a', 'b', '--out', 'a/seed-0/metrics.json'),
            'error: a/seed-0/metrics.json exists and is not a comparison: choose a new name, or '
            'remove that file.\n',
        ),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(run, arguments, sentence):
    status, out, err = run(*arguments)
    assert status == 2 and out == '' and err.startswith(sentence) and err.count('\n') == 1
