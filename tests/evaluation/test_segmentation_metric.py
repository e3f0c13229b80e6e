import json
import re

import pytest
import torch
from lazy_sklearn import macro_scores, sk
from mmengine.dataset import DefaultSampler
from mmengine.evaluator import Evaluator
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample

from depthda.errors import UserError
from depthda.evaluation.segmentation_metric import SegmentationMetric

CLASSES = ('background', 'building', 'road', 'water')
MEANS = ['mIoU', 'mF1', 'mPrecision', 'mRecall', 'OA', 'Kappa', 'fwIoU']


def sample(index, domain='Rural', split='Val', labelled=True):
    generator = torch.Generator().manual_seed(index)
    target = torch.randint(0, 4, (1, 9, 11), generator=generator)
    noise = torch.randint(0, 4, target.shape, generator=generator)
    # Each image has a different share of correct pixels, so that no two means are equal by chance.
    correct = torch.rand(target.shape, generator=generator) < 0.2 + 0.05 * index
    pred = torch.where(correct, target, noise)
    target[:, 0] = 255
    result = SegDataSample(pred_sem_seg=PixelData(data=pred))
    if labelled:
        result.gt_sem_seg = PixelData(data=target)
    result.set_metainfo(dict(img_path=f'/data/{index}.png', domain=domain, split=split))
    return result


def evaluate(samples, size=None, batch=2, **kwargs):
    metric = SegmentationMetric(**kwargs)
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = dict(classes=CLASSES)
    for i in range(0, len(samples), batch):
        evaluator.process(samples[i : i + batch])
    return evaluator.evaluate(len(samples) if size is None else size), metric


def pixels(samples):
    target = torch.cat([s.gt_sem_seg.data.flatten() for s in samples])
    pred = torch.cat([s.pred_sem_seg.data.flatten() for s in samples])
    return target[target != 255].numpy(), pred[target != 255].numpy()


def expected(samples):
    return macro_scores(*pixels(samples))


def test_one_domain_and_split_has_only_unprefixed_scores():
    samples = [sample(i) for i in range(5)]
    logged, metric = evaluate(samples)
    target, pred = pixels(samples)
    classes = {}
    for score, function in (('IoU', sk().jaccard_score), ('F1', sk().f1_score)):
        per_class = 100 * function(target, pred, average=None)
        classes |= {f'{score}.{name}': v for name, v in zip(CLASSES, per_class, strict=True)}
    assert logged == pytest.approx(expected(samples) | classes)
    assert all(type(value) is float for value in logged.values())
    matrix = metric.report['groups']['all']['confusion_matrix']
    assert matrix == sk().confusion_matrix(target, pred).tolist()


CELLS = [('Rural', 'Train'), ('Rural', 'Val'), ('Urban', 'Train'), ('Urban', 'Val')]


@pytest.mark.parametrize('headline', [None, 'Val', 'Urban', 'Train/Rural'])
def test_each_domain_split_and_pair_is_scored_separately(headline):
    samples = [sample(i, *CELLS[i % 4]) for i in range(9)]
    logged, metric = evaluate(samples, headline=headline)
    groups = {'all': samples}
    for name in ('Rural', 'Urban', 'Train', 'Val'):
        groups[name] = [s for s in samples if name in (s.domain, s.split)]
    for domain, split in CELLS:
        groups[f'{split}/{domain}'] = [s for s in samples if (s.domain, s.split) == (domain, split)]
    head = groups.pop(headline or 'all')
    assert {key: logged.pop(key) for key in MEANS} == pytest.approx(expected(head))
    others = {}
    for name, members in groups.items():
        others |= {f'{name}/{key}': value for key, value in expected(members).items()}
    means = {key: value for key, value in logged.items() if not re.search(r'(IoU|F1)\.', key)}
    assert means == pytest.approx(others)
    assert sum('Rural/IoU.' in key for key in logged) == (8 if headline == 'Train/Rural' else 12)
    assert metric.report['headline'] == (headline or 'all')
    assert metric.report['groups'][headline or 'all']['images'] == len(head)


def test_a_group_that_equals_another_is_scored_once():
    samples = [sample(i, 'Rural', ('Train', 'Val')[i % 2]) for i in range(4)]
    _, metric = evaluate(samples, headline='Val')
    assert list(metric.report['groups']) == ['Val', 'all', 'Train']


def test_the_report_is_json_with_null_for_undefined_scores():
    one = sample(0)
    one.pred_sem_seg.data.fill_(1)
    one.gt_sem_seg.data.fill_(1)
    logged, metric = evaluate([one])
    report = json.loads(json.dumps(metric.report, allow_nan=False))
    assert report == metric.report
    assert report['Kappa'] is None and report['mIoU'] == 100
    rows = report['groups']['all']['per_class']
    assert rows['road'] == dict(IoU=None, F1=None, precision=None, recall=None, pixels=0)
    assert rows['building']['pixels'] == 99
    means = ('mIoU', 'mF1', 'mPrecision', 'mRecall', 'OA', 'fwIoU')
    assert logged == dict.fromkeys((*means, 'IoU.building', 'F1.building'), 100)


def test_batches_are_formed_within_each_group():
    samples = [sample(i, ('Rural', 'Urban')[i % 2]) for i in range(7)]
    logged, _ = evaluate(samples, aggregate='per_batch', batch_size=3, prefix='batches')

    def by_loop(group):
        per_batch = []
        for start in range(0, len(group), 3):
            batch = group[start : start + 3]
            target = torch.cat([s.gt_sem_seg.data.flatten() for s in batch])
            pred = torch.cat([s.pred_sem_seg.data.flatten() for s in batch])
            hit = [((target == c) & (pred == c)).sum() for c in range(4)]
            union = [((target == c) | (pred == c)).sum() for c in range(4)]
            per_batch.append(torch.stack([h / u for h, u in zip(hit, union, strict=True)]))
        return 100 * torch.stack(per_batch).mean().item()

    assert logged['batches/mIoU'] == pytest.approx(by_loop(samples))
    assert logged['batches/Rural/mIoU'] == pytest.approx(by_loop(samples[::2]))
    assert not any('Kappa' in key or 'OA' in key for key in logged)


def test_printed_formulas_are_reported_with_the_usual_scores():
    samples = [sample(i, ('Rural', 'Urban')[i % 2]) for i in range(4)]
    usual, _ = evaluate(samples)
    logged, metric = evaluate(samples, printed=['OA', 'Kappa'])
    printed = {key for key in logged if key.endswith('_printed')}
    names = {f'{score}_printed' for score in ('OA', 'Kappa')}
    assert printed == names | {f'{domain}/{n}' for domain in ('Rural', 'Urban') for n in names}
    assert {key: value for key, value in logged.items() if key not in printed} == usual
    # The printed OA averages four one-against-rest accuracies; an error is one in two of them.
    assert logged['OA_printed'] == pytest.approx(100 - (100 - usual['OA']) / 2)
    assert metric.report['groups']['Rural']['means']['OA_printed'] == logged['Rural/OA_printed']
    assert metric.report['Kappa_printed'] == logged['Kappa_printed']
    assert 'Kappa_printed' not in evaluate(samples, printed=['OA'])[0]


def count_images(samples):
    """Count the pixels of each image with scikit-learn; the last row has the ignored ones."""
    counts = []
    for s in samples:
        target, pred = s.gt_sem_seg.data.flatten(), s.pred_sem_seg.data.flatten()
        matrix = sk().confusion_matrix(target.where(target != 255, 4), pred, labels=range(5))
        assert not matrix[:, 4].any()
        counts.append(matrix[:, :4].tolist())
    return counts


@pytest.mark.parametrize('aggregate', ['global', 'per_batch'])
def test_tiles_are_the_counts_of_each_image_in_order(aggregate):
    samples = [sample(i, *CELLS[i % 3]) for i in range(5)]
    samples[3].set_metainfo(dict(domain=None, split=None))
    _, metric = evaluate(samples, aggregate=aggregate)
    tiles = metric.tiles
    assert tiles.counts.tolist() == count_images(samples)
    assert tiles.names.tolist() == [f'/data/{i}.png' for i in range(5)]
    assert tiles.domains.tolist() == ['Rural', 'Rural', 'Urban', '', 'Rural']
    assert tiles.splits.tolist() == ['Train', 'Val', 'Train', '', 'Val']
    assert tiles.classes.tolist() == list(CLASSES)
    total = tiles.counts.sum(0)[:-1]
    assert total.tolist() == metric.report['groups']['all']['confusion_matrix']


def test_a_second_evaluation_starts_from_nothing():
    metric = SegmentationMetric()
    assert metric.tiles is None
    evaluator = Evaluator(metric)
    evaluator.dataset_meta = dict(classes=CLASSES)
    for index in (0, 1):
        evaluator.process([sample(index)])
        assert evaluator.evaluate(1)['mIoU'] == pytest.approx(expected([sample(index)])['mIoU'])
        assert metric.tiles.counts.tolist() == count_images([sample(index)])


def test_the_table_in_the_log_fits_100_columns(monkeypatch):
    texts = []
    monkeypatch.setattr('depthda.evaluation.segmentation_metric.show', texts.append)
    samples = [sample(i, *CELLS[i % 4]) for i in range(4)]
    logged, _ = evaluate(samples)
    lines = texts[0].splitlines()
    assert max(map(len, lines)) <= 100
    row = next(line.split() for line in lines if line.split()[:1] == ['road'])
    assert row[1] == f'{logged["IoU.road"]:.2f}'
    means = ', '.join(f'{key} {logged[key]:.2f}' for key in MEANS[:-1])
    assert f'all (4 images): {means}' in lines
    assert any(line.startswith('Val (') for line in lines)


def test_mistakes_are_explained():
    blank, wrong = sample(0), sample(5)
    blank.gt_sem_seg.data.fill_(255)
    wrong.gt_sem_seg.data[0, 4, 4] = 4
    for samples, kwargs, message in (
        ([sample(3, labelled=False)], {}, r'/data/3.png has no labels.*submit them to the server'),
        ([], {}, 'no sample'),
        ([sample(0)], dict(headline='Test'), "'Test'.*all, Rural, Val"),
        ([sample(0)], dict(size=2), 'drop_last'),
        ([], dict(aggregate='mean'), 'aggregate'),
        ([], dict(printed=['mIoU']), r"is unknown: use \['OA', 'Kappa'\]"),
        ([], dict(printed='OA'), r"is unknown: use \['OA', 'Kappa'\]"),
        ([], dict(printed=['OA'], aggregate='per_batch'), "printed=.*use aggregate='global'"),
        ([sample(0, 'Val', 'Val')], {}, "^'Val' is the name of more than one of domain"),
        ([blank], {}, 'ignored label 255'),
        ([wrong], {}, '/data/5.png: label values 4 '),
    ):
        with pytest.raises(UserError, match=message):
            evaluate(samples, **kwargs)


def _rank(rank, store, out):
    store = f'file://{store}'
    torch.distributed.init_process_group('gloo', init_method=store, rank=rank, world_size=2)
    results = {}
    # Of 7 samples, one is repeated, so that both ranks get 4. Of 1, rank 1 gets only a repetition.
    for size in (7, 6, 1):
        for round_up in (True, False):
            for kwargs in ({}, dict(aggregate='per_batch', batch_size=2)):
                order = DefaultSampler(range(size), shuffle=False, round_up=round_up)
                samples = [sample(i, *CELLS[i % 3]) for i in order]
                logged, metric = evaluate(samples, size=size, **kwargs)
                tiles = [metric.tiles.names.tolist(), metric.tiles.counts.tolist()]
                results[f'{size} {round_up} {kwargs}'] = [logged, metric.report, tiles]
    # If each rank gets consecutive samples, the metric cannot tell which one was repeated.
    halves = [sample(i) for i in ([0, 1], [2, 0])[rank]]
    halves[-1].set_metainfo(dict(img_path=f'/data/unlike-{rank}.png'))
    with pytest.raises(UserError, match='DefaultSampler'):
        evaluate(halves, size=3)
    torch.distributed.destroy_process_group()
    (out / f'{rank}.json').write_text(json.dumps(results))


def test_two_ranks_and_one_compute_the_same_scores(tmp_path):
    # Forked, because a new interpreter would import for ten seconds.
    arguments = (tmp_path / 'store', tmp_path)
    torch.multiprocessing.start_processes(_rank, arguments, nprocs=2, start_method='fork')
    first, second = (json.loads((tmp_path / f'{rank}.json').read_text()) for rank in range(2))
    assert first == second
    for size in (7, 6, 1):
        for kwargs in ({}, dict(aggregate='per_batch', batch_size=2)):
            samples = [sample(i, *CELLS[i % 3]) for i in range(size)]
            logged, metric = evaluate(samples, **kwargs)
            tiles = [[f'/data/{i}.png' for i in range(size)], count_images(samples)]
            for round_up in (True, False):
                assert first[f'{size} {round_up} {kwargs}'] == [logged, metric.report, tiles]
