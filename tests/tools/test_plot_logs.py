"""Curves of several runs, by the command."""

import json
from functools import partial
from pathlib import Path

import pytest


@pytest.fixture
def run(run_here):
    return partial(run_here, 'plot_logs')


@pytest.fixture(autouse=True)
def runs(tmp_path):
    for name, key in (('rgb', 'mIoU'), ('dual', 'mF1')):
        folder = tmp_path / name / '20260101_000000' / 'vis_data'
        folder.mkdir(parents=True)
        lines = [{'loss': 1.0, 'step': 1}, {key: 50.0, 'step': 1}]
        (folder / 'scalars.json').write_text('\n'.join(map(json.dumps, lines)))


def test_it_draws_the_logged_keys_and_reports_the_missing_ones(run):
    status, out, err = run('rgb', 'dual', '--out', 'a/curves.svg')
    assert (status, err) == (0, '')
    missing, drawn = out.splitlines()
    assert missing == 'dual has no mIoU (choose from loss, mF1).'
    assert drawn == 'curves of 2 runs: a/curves.svg'
    text = Path('a/curves.svg').read_text()
    assert text.startswith('<?xml') and '<!-- loss -->' in text and '<!-- mIoU -->' in text


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (('rgb', 'none'), 'error: the folder none does not exist'),
        (('rgb', '--out', 'a.gif'), 'error: --out a.gif: use a name that ends with'),
        (('rgb', '--smooth', '1'), 'error: --smooth 1.0: use a number from 0'),
        (('rgb', '--keys', 'lr'), 'error: there is nothing to draw: rgb has no lr'),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(run, arguments, sentence):
    status, out, err = run(*arguments)
    assert status == 2 and out == '' and err.startswith(sentence) and err.count('\n') == 1
    assert not Path('curves.png').exists()
