import numpy as np
import pytest
import torch
from lazy_sklearn import macro_scores, sk

from depthda.errors import UserError
from depthda.evaluation.confusion import joint_counts, per_batch_scores, scores


def random_maps(num_classes, ignore_index=255, seed=0, size=(61, 53), dtype=np.int64):
    """Draw a label map with a tenth ignored, and a prediction that is correct for half of it."""
    rng = np.random.default_rng(seed)
    target = rng.integers(0, num_classes, size)
    other = rng.integers(0, num_classes, size)
    pred = np.where(rng.random(size) < 0.5, target, other)
    target = np.where(rng.random(size) < 0.1, ignore_index, target).astype(dtype)
    return torch.from_numpy(pred), torch.from_numpy(target)


def matrix_of(target, pred, num_classes):
    return sk().confusion_matrix(target, pred, labels=range(num_classes))


@pytest.mark.parametrize(
    ('num_classes', 'ignore_index', 'dtype'),
    [
        (2, 255, np.uint8),
        (7, 255, np.uint8),
        (7, 255, np.int16),
        (7, 255, np.int32),
        (7, 255, np.int64),
        (7, -1, np.int64),
        (7, -100, np.int32),
        (7, 65535, np.int64),
        (7, 7, np.uint8),
        (150, 255, np.int64),
        (256, 256, np.int64),
    ],
)
def test_the_matrix_is_that_of_scikit_learn(num_classes, ignore_index, dtype):
    pred, target = random_maps(num_classes, ignore_index, dtype=dtype)
    before = pred.clone(), target.clone()
    scored = (target != ignore_index).numpy()
    expected = matrix_of(target.numpy()[scored], pred.numpy()[scored], num_classes)
    ignored = np.bincount(pred.numpy()[~scored], minlength=num_classes)
    counts = joint_counts(pred, target, num_classes, ignore_index)
    assert counts.dtype == torch.int64
    np.testing.assert_array_equal(counts, [*expected, ignored])
    assert torch.equal(before[0], pred) and torch.equal(before[1], target)


def test_a_class_can_be_the_ignored_one():
    pred, target = torch.tensor([0, 1, 2, 1]), torch.tensor([0, 0, 2, 1])
    counts = joint_counts(pred, target, 3, ignore_index=0)
    assert counts.tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0]]


def test_all_ignored_and_empty_count_nothing():
    pred = torch.zeros(4, 4, dtype=torch.int64)
    assert joint_counts(pred, torch.full((4, 4), 255), 7)[:-1].sum() == 0
    assert joint_counts(pred[:0], pred[:0], 7).tolist() == [[0] * 7] * 8


@pytest.mark.parametrize('label', [7, 254, -1, 256 + 3, 2**31 - 1])
def test_an_unknown_label_is_an_error(label):
    # In eight bits, 256 + 3 would be class 3.
    target = torch.zeros(8, 8, dtype=torch.int64)
    target[2, 3], target[0, 0] = label, 255
    with pytest.raises(UserError, match=rf' {label}[ ,].*neither a class'):
        joint_counts(torch.zeros_like(target), target, 7)


@pytest.mark.parametrize('value', [7, -1])
def test_an_unknown_prediction_is_an_error(value):
    pred = torch.zeros(8, 8, dtype=torch.int64)
    pred[5, 5] = value
    with pytest.raises(UserError, match='num_classes'):
        joint_counts(pred, torch.zeros_like(pred), 7)


def test_different_shapes_are_an_error():
    with pytest.raises(UserError, match=r'\(4, 6\).*\(6, 4\)'):
        joint_counts(torch.zeros(4, 6).long(), torch.zeros(6, 4).long(), 7)


CASES = {
    'random': tuple(np.random.default_rng(1).integers(0, 7, (2, 500))),
    'absent class': tuple(np.random.default_rng(2).integers(0, 5, (2, 500))),
    'predicted but absent': (np.array([0, 0, 1, 1, 2]), np.array([0, 3, 1, 1, 2])),
    'never predicted': (np.array([0, 0, 1, 1, 2]), np.array([0, 0, 1, 1, 1])),
    'nothing correct': (np.array([0, 0, 1, 1]), np.array([1, 1, 0, 0])),
    'perfect': (np.array([0, 1, 2, 2]), np.array([0, 1, 2, 2])),
    'one class in the labels': (np.zeros(9, int), np.array([0] * 5 + [4] * 4)),
    'one class predicted': (np.array([0] * 5 + [4] * 4), np.zeros(9, int)),
}


@pytest.mark.parametrize('case', CASES)
def test_scores_are_those_of_scikit_learn(case):
    target, pred = CASES[case]
    result = scores(matrix_of(target, pred, 7))
    present = sorted({*target.tolist(), *pred.tolist()})
    for values, name in [
        (result.iou, 'jaccard_score'),
        (result.f1, 'f1_score'),
        (result.precision, 'precision_score'),
        (result.recall, 'recall_score'),
    ]:
        expected = getattr(sk(), name)(target, pred, average=None, labels=present, zero_division=0)
        assert [values[c] for c in present] == pytest.approx((100 * expected).tolist())
        assert all(values[c] is None for c in range(7) if c not in present)
    means = result.means()
    # The default labels occur in target or prediction, like the classes that are present here.
    assert means == pytest.approx(macro_scores(target, pred))


def test_kappa_is_undefined_if_everything_is_one_class():
    result = scores(matrix_of([3, 3], [3, 3], 7))
    assert result.kappa is None and result.oa == 100 and result.iou[3] == 100
    assert result.means()['mIoU'] == 100


def test_without_pixels_everything_is_undefined():
    result = scores(torch.zeros(7, 7, dtype=torch.int64))
    assert set(result.means().values()) == {None}
    assert result.iou == result.recall == [None] * 7


def test_squares_of_counts_may_exceed_64_bits():
    small = np.array([[5, 1], [2, 4]])
    big = scores(small * 10**11)
    assert big.means() == pytest.approx(scores(small).means(), rel=1e-12)


def test_per_batch_scores_against_a_loop_over_pixels():
    num_classes, batches = 4, []
    for seed, images in enumerate((3, 3, 1)):  # the last one is smaller, with the same weight
        pairs = [random_maps(num_classes, seed=10 * seed + i, size=(5, 7)) for i in range(images)]
        # Class 3 is absent from the first batch: neither in the labels nor in the predictions.
        if seed == 0:
            pairs = [(p % 3, torch.where(t == 3, 0, t)) for p, t in pairs]
        batches.append(pairs)

    iou, f1 = np.zeros(num_classes), np.zeros(num_classes)
    for batch in batches:
        target = np.concatenate([t.numpy().ravel() for _, t in batch])
        pred = np.concatenate([p.numpy().ravel() for p, _ in batch])
        for c in range(num_classes):
            both = either = labelled = predicted = 0
            for t, p in zip(target, pred, strict=True):
                labelled += t == c
                predicted += p == c  # on ignored pixels too
                both += t == c and p == c
                either += t == c or p == c
            iou[c] += both / either if either else 1
            f1[c] += 2 * both / (labelled + predicted) if labelled + predicted else 1

    counts = torch.stack([sum(joint_counts(p, t, num_classes) for p, t in b) for b in batches])
    result = per_batch_scores(counts)
    assert result[0] == pytest.approx((100 * iou / 3).tolist())
    assert result[1] == pytest.approx((100 * f1 / 3).tolist())


@pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a GPU')
def test_the_gpu_counts_the_same():
    pred, target = random_maps(7, size=(512, 512))
    counts = joint_counts(pred.cuda(), target, 7)
    assert counts.is_cuda and torch.equal(counts.cpu(), joint_counts(pred, target, 7))
    with pytest.raises(UserError, match='neither a class'):
        joint_counts(pred.cuda(), torch.full_like(target, 9), 7)
