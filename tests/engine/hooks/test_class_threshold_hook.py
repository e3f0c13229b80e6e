"""When the student is copied into the teacher, each target tile gives a crop for thresholds."""

from types import SimpleNamespace

import pytest
import torch
from mmseg.structures import SegDataSample
from torch import nn

from depthda.engine.hooks import collapse_hook
from depthda.engine.hooks.collapse_hook import ClassThresholdHook
from depthda.errors import UserError
from depthda.models.adaptation.class_thresholds import ClassPortion
from depthda.randomness import derive_seed

CLASSES, SIDE = 3, 8


class Tiles:
    """Each crop holds random logits from its seed; the crop of tile 0 is small and padded."""

    def __init__(self, count):
        self.count, self.keys = count, []

    def __len__(self):
        return self.count

    def __getitem__(self, key):
        self.keys.append((int(key), key.seed))
        logits = torch.randn(CLASSES, SIDE, SIDE, generator=torch.Generator().manual_seed(key.seed))
        if key == 0:
            logits[:, 5:], logits[:, :, 6:] = 99, 99
        return dict(inputs=logits, data_samples=(2, 3) if key == 0 else (0, 0))


def preprocess(batch, training):
    samples = [
        SegDataSample(metainfo=dict(padding_size=(0, right, 0, bottom)))
        for right, bottom in batch['data_samples']
    ]
    return dict(inputs=torch.stack(batch['inputs']), data_samples=samples)


@pytest.fixture
def model():
    """Return what the hook needs of a model; its probabilities are a softmax of the images."""
    model = nn.Module()
    model.num_classes, model.warm_up, model.segmentor = CLASSES, 4, nn.Identity()
    model.pseudo, model.updated = ClassPortion(0.25), []
    model.pseudo.follow(model)
    update = lambda segmentor, iteration: model.updated.append(iteration)  # noqa: E731
    model.teacher = SimpleNamespace(every=3, update=update)
    model.data_preprocessor = SimpleNamespace(target=preprocess)
    model.probabilities = lambda images: images.softmax(1)
    return model


def run(model, iterations, count=5):
    tiles = Tiles(count)
    loader = SimpleNamespace(dataset=SimpleNamespace(sets=dict(target=tiles), metainfo={}))
    runner = SimpleNamespace(model=model, seed=7, iter=0, train_dataloader=loader)
    hook = ClassThresholdHook()
    hook.before_train(runner)
    for runner.iter in iterations:
        hook.before_train_iter(runner, runner.iter)
    return tiles.keys


def test_after_the_warm_up_thresholds_come_from_all_crops_and_ignore_padding(model):
    assert run(model, range(6)) == [] and model.updated == []
    assert (model.pseudo.thresholds == 1).all()
    keys = run(model, [6])
    assert keys == [(tile, derive_seed(7, 'thresholds', 6, tile)) for tile in range(5)]
    assert model.updated == [6]
    values = {c: [] for c in range(CLASSES)}
    for tile, seed in keys:
        logits = torch.randn(CLASSES, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))
        logits = logits[:, :5, :6] if tile == 0 else logits
        for pixel in logits.softmax(0).flatten(1).T.tolist():
            values[pixel.index(max(pixel))].append(max(pixel))
    for c, probabilities in values.items():
        expected = sorted(probabilities, reverse=True)[int(0.25 * len(probabilities)) - 1]
        assert model.pseudo.thresholds[c] == int(expected * 4096) / 4096
    run(model, range(7, 12))
    assert model.updated == [6, 9]


@pytest.mark.parametrize('count', [1, 5])
def test_processes_share_the_tiles_and_add_what_they_count(model, monkeypatch, count):
    run(model, [6], count)
    expected, summed, keys = model.pseudo.thresholds.clone(), [], []
    for rank in range(2):
        monkeypatch.setattr(collapse_hook, 'get_dist_info', lambda rank=rank: (rank, 2))
        monkeypatch.setattr(collapse_hook, 'all_reduce', summed.append)
        keys += run(model, [6], count)
    assert sorted(tile for tile, _ in keys) == list(range(count))
    model.pseudo.set_thresholds(summed[0] + summed[1])
    # The counts of a process without tiles have the same shape.
    assert summed[0].shape == summed[1].shape and torch.equal(model.pseudo.thresholds, expected)


def test_a_model_without_a_snapshot_teacher_or_thresholds_is_refused(model):
    for name, value in (('teacher', None), ('pseudo', nn.Identity())):
        setattr(model, name, value)
        with pytest.raises(UserError, match='needs a DomainAdaptation with a SnapshotTeacher'):
            run(model, [])
