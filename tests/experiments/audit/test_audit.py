"""The audit of models whose use of depth is known, and of made-up counts."""

import json
import re
import shutil

import numpy as np
import pytest
import torch
from refusals import refusal

from depthda.commands.audit import _folders
from depthda.engine.launch import test as run_test
from depthda.errors import UserError
from depthda.experiments.audit.audit import audit, find
from depthda.experiments.audit.variants import VARIANTS
from depthda.experiments.page.html import number
from depthda.io.files import read_json, write_json

CONFIG = 'configs/sample/depthda_tiny_u2r.py'


@pytest.fixture(scope='module')
def trained(trained_once, tmp_path_factory):
    folder = tmp_path_factory.mktemp('audit')
    return shutil.copytree(trained_once('depthda_tiny_u2r'), folder, dirs_exist_ok=True)


@pytest.fixture(scope='module')
def audited(trained, short_run):
    findings = audit(
        CONFIG, trained / 'iter_4.pth', work_dir=str(trained), cfg_options=short_run,
        command=['depthda', 'audit', CONFIG],
    )  # fmt: skip
    return trained / 'audit', findings


def test_a_model_that_uses_depth_changes_with_each_variant(audited):
    root, findings = audited
    scores = [read_json(root / kind / 'metrics.json')['scores'] for kind in VARIANTS]
    assert len({round(variant['OA'], 6) for variant in scores}) == len(VARIANTS) == 6
    assert list(findings.differences) == [kind for kind in VARIANTS if kind != 'as-is']
    for kind, result in findings.differences.items():
        other = read_json(root / kind / 'metrics.json')['scores']
        assert result['mIoU']['difference'] == pytest.approx(other['mIoU'] - scores[0]['mIoU'])
    assert not findings.unused and 'does not use depth' not in findings.sentences[0]
    stored = read_json(root / 'audit.json')
    assert stored['sentences'] == list(findings.sentences)
    assert stored['differences'] == json.loads(json.dumps(findings.differences))


def test_the_page_has_the_sentences_and_the_difference_of_every_class(audited):
    root, findings = audited
    page = (root / 'audit.html').read_text()
    text = re.sub(r'<[^>]+>', ' ', page)
    for sentence in findings.sentences:
        assert sentence in text
    for kind, result in findings.differences.items():
        assert VARIANTS[kind].words in text
        for row in filter(None, result['per_class'].values()):
            assert number(row['difference'], sign=True) in text
    assert 'depthda audit configs/sample' in text


def test_a_model_that_ignores_depth_is_reported(trained, short_run, capsys):
    """The weights of the depth encoder are zero, so depth cannot reach the head."""
    checkpoint = torch.load(trained / 'iter_4.pth', weights_only=True)
    for name, weight in checkpoint['state_dict'].items():
        if name.startswith('backbone.depth') and name.endswith(('weight', 'bias')):
            weight.zero_()
    torch.save(checkpoint, trained / 'blind.pth')
    kinds, work_dir = ['shuffle', 'zero'], str(trained / 'blind')
    options = dict(kinds=kinds, work_dir=work_dir, cfg_options=short_run)
    findings = audit(CONFIG, trained / 'blind.pth', **options)
    assert findings.sentences[0].startswith('This model does not use depth: no replacement of')
    assert findings.sentences[0] in capsys.readouterr().out


def test_a_model_without_depth_is_reported(trained_once, tmp_path, short_run):
    checkpoint = trained_once('upernet_tiny_u2r') / 'iter_4.pth'
    options = dict(kinds=['flat'], work_dir=str(tmp_path), cfg_options=short_run)
    findings = audit('configs/sample/upernet_tiny_u2r.py', checkpoint, **options)
    assert findings.sentences[0] == 'This model reads no depth during a test.'


def test_saved_predictions_give_the_same_audit_as_their_model(audited, short_run, tmp_path):
    root, findings = audited
    checkpoint = root.parent / 'iter_4.pth'
    maps = {}
    for kind in ('as-is', 'zero'):
        maps[kind] = str(tmp_path / kind)
        options = dict(short_run)
        if kind == 'zero':
            step = 'test_dataloader.dataset.pipeline.1'
            options |= {f'{step}.type': 'LoadControlDepth', f'+{step}.by': 'none'}
        run_test(CONFIG, checkpoint, str(tmp_path / 'run'), out=maps[kind], cfg_options=options)
    saved = audit(CONFIG, predictions=maps, work_dir=str(tmp_path), cfg_options=short_run)
    expected = findings.differences['zero']['per_class']
    assert saved.differences['zero']['per_class'] == expected
    with pytest.raises(UserError, match='as-is=DIR'):
        audit(CONFIG, predictions={'zero': maps['zero']}, cfg_options=short_run)


def test_a_pipeline_without_depth_and_an_audit_of_nothing_are_refused(trained, short_run):
    options = short_run | {'test_dataloader.dataset.pipeline': [dict(type='LoadImageFromFile')]}
    with pytest.raises(UserError, match='LoadDepth'):
        audit(CONFIG, trained / 'iter_4.pth', kinds=['zero'], cfg_options=options)
    with pytest.raises(UserError, match='at least one in addition to as-is'):
        audit(CONFIG, trained / 'iter_4.pth', kinds=['as-is'], cfg_options=short_run)
    for words, message in (
        (['zero'], 'write KIND=DIR'),
        (['grayscale=x'], 'KIND is one of as-is, degraded'),
        (['zero=a', 'zero=b'], 'names zero twice'),
    ):
        with pytest.raises(UserError, match=message):
            _folders(words)


@pytest.fixture
def find_in(audited, tmp_path):
    """Return a function that audits test results with given confusion matrices."""
    root, _ = audited

    def write_and_find(**counts):
        for kind, matrix in counts.items():
            folder = tmp_path / kind
            folder.mkdir()
            metrics = read_json(root / 'as-is' / 'metrics.json')
            names = [f'{index}.png' for index in range(20)]
            per_tile = np.stack([np.array([*matrix, [0, 0]])] * 20)
            np.savez(
                folder / 'tiles.npz', names=names, domains=['Rural'] * 20, splits=['Test'] * 20,
                classes=['ground', 'building'], counts=per_tile,
            )  # fmt: skip
            total = per_tile[:, :-1].sum(0).tolist()
            metrics['report'] |= dict(headline='Rural', classes=['ground', 'building'])
            metrics['report']['groups'] = {'Rural': {'confusion_matrix': total}}
            write_json(folder / 'metrics.json', metrics)
        return find(tmp_path, list(counts))

    return write_and_find


GOOD, BAD = [[90, 10], [10, 90]], [[90, 10], [90, 10]]


def test_the_sentence_agrees_with_the_counts(find_in):
    findings = find_in(**{'as-is': GOOD, 'zero': BAD, 'grey': GOOD})
    before = (90 / 110 + 90 / 110) / 2 * 100
    after = (90 / 190 + 10 / 110) / 2 * 100
    assert findings.sentences[0] == (
        f'This model relies on depth: with no depth anywhere, mIoU falls from {before:.2f} to '
        f'{after:.2f} (−{before - after:.2f} [−{before - after:.2f}, −{before - after:.2f}]), and '
        f'the IoU of building falls most (−{900 / 11 - 100 / 11:.2f}).'
    )
    assert 'changes mIoU by 0.00 [0.00, 0.00]' in findings.sentences[1]


def test_depth_that_harms_is_reported(find_in):
    sentence = find_in(**{'as-is': BAD, 'zero': GOOD}).sentences[0]
    assert sentence.startswith(
        'Depth harms this model on these images: with no depth anywhere, mIoU rises from '
    )


def test_a_significant_drop_is_reported_although_an_insignificant_one_is_larger(
    find_in, monkeypatch
):
    slightly, worse = [[90, 10], [20, 80]], BAD
    monkeypatch.setattr(
        'depthda.experiments.audit.audit.certain', lambda row: row['difference'] > -20
    )
    sentence = find_in(**{'as-is': GOOD, 'flat': slightly, 'zero': worse}).sentences[0]
    assert sentence.startswith('This model relies on depth: with equal depth everywhere, mIoU fal')


def test_no_page_mixes_two_audits(audited, short_run, tmp_path):
    root, _ = audited
    shutil.copytree(root, tmp_path / 'audit')
    options = dict(work_dir=str(tmp_path), cfg_options=short_run)
    audit(CONFIG, root.parent / 'iter_2.pth', kinds=['zero'], **options)
    kinds = {path.name for path in (tmp_path / 'audit').iterdir() if path.is_dir()}
    assert kinds == {'as-is', 'zero'}


def test_what_cannot_be_audited_is_refused_before_any_test(trained, short_run, tmp_path):
    checkpoint, maps = trained / 'iter_4.pth', tmp_path / 'maps'
    pipeline = 'test_dataloader.dataset.pipeline'
    control = short_run | {f'{pipeline}.1.type': 'LoadControlDepth', f'+{pipeline}.1.by': 'grey'}
    maps.mkdir()
    (maps / '0.png').touch()
    one, none = ({'as-is': str(maps), 'zero': str(other)} for other in (maps, tmp_path / 'no'))
    for config, options, message in (
        (CONFIG, dict(block=0), '--block 0: use 1 or more'),
        ('configs/pretraining/dates_resnet-tiny.py', dict(cfg_options=None), 'no labelled'),
        (f'{CONFIG[:-3]}-server.py', dict(cfg_options=None), 'no labelled'),
        (CONFIG, dict(cfg_options=control), 'already replaces depth'),
        (CONFIG, dict(checkpoint=None, predictions=one), 'as-is and zero are the same folder'),
        (CONFIG, dict(checkpoint=None, predictions=none), 'missing or empty'),
    ):
        common = dict(checkpoint=checkpoint, work_dir=str(tmp_path / 'new'), cfg_options=short_run)
        assert message in refusal(audit, config, **common | options)
    assert not (tmp_path / 'new').exists()
