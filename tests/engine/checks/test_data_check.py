import pytest
import torch
from mmengine.config import Config
from refusals import refusal

from depthda.engine.checks.checkpoint_check import class_warning
from depthda.engine.checks.data_check import check_test_set, data_warnings
from depthda.errors import UserError


@pytest.fixture
def config(sample):
    """Make a config of datasets in LoveDA's tree; keyword arguments replace keys of a dataset."""

    def make(train=None, val=None, test=None) -> Config:
        source = dict(type='LoveDARGBD', data_root=str(sample), depth='rdepth/synthetic')
        source |= dict(domain='Urban', split='Train')
        sets = dict(
            train=source | dict(holdout=dict(part='fit', every=5, block=4)) | (train or {}),
            val=source | dict(holdout=dict(part='held-out', every=5, block=4)) | (val or {}),
            test=source | dict(domain='Rural', split='Test') | (test or {}),
        )
        return Config({f'{name}_dataloader': dict(dataset=data) for name, data in sets.items()})

    return make


def test_datasets_that_fit_together_pass(config):
    assert data_warnings(config()) == []
    assert data_warnings(Config(dict(train_dataloader=None))) == []


def test_sources_of_depth_that_differ_are_reported(config):
    (line,) = data_warnings(config(test=dict(depth='dsm')))
    assert 'train reads rdepth/synthetic' in line and 'test reads dsm' in line
    (line,) = data_warnings(config(train=dict(depth=None)))
    assert 'train reads none' in line


def test_different_class_names_are_reported(config):
    names = ['Background', 'building', 'road', 'water', 'barren', 'forest', 'agricultural']
    other = dict(type='RGBDSegDataset', depth='rdepth/synthetic', metainfo=dict(classes=names))
    cfg = config()
    cfg.test_dataloader.dataset = other
    assert data_warnings(cfg) == []
    names[5] = 'snow'
    cfg.test_dataloader.dataset = other
    (line,) = data_warnings(cfg)
    assert line == (
        'the test dataset has the classes Background, building, road, water, barren, snow, '
        'agricultural, but the training dataset has background, building, road, water, barren, '
        'forest, agricultural: unless the names mean the same classes, prepare both datasets '
        'with one list of classes'
    )


def test_a_model_that_predicts_depth_and_reads_none_passes(config):
    cfg = config(val=dict(depth=None), test=dict(depth=None))
    assert data_warnings(cfg)
    cfg.model = dict(type='DepthSeg', depth_decoder=dict(type='DepthDecoder'))
    assert data_warnings(cfg) == []


def test_shared_images_are_counted(config, sample):
    (line,) = data_warnings(config(train=dict(holdout=None)))
    numbers = [int(path.stem) for path in (sample / 'Train/Urban/images_png').iterdir()]
    held_out = sum(number // 4 % 5 == 0 for number in numbers)
    assert 0 < held_out < len(numbers)
    assert line.startswith(f'{held_out} of the {held_out} validation images are also training')
    (line,) = data_warnings(config(train=dict(domain='Rural', split='Test', holdout=None)))
    assert line.startswith('3 of the 3 test images')


def test_validation_on_test_images_that_chooses_the_checkpoint_is_reported(config):
    both = dict(domain=['Urban', 'Rural'], split='Test', holdout=None)
    cfg = config(val=both)
    assert data_warnings(cfg) == []  # the last iteration is tested
    sentence = (
        '{} validation images are also test images, so the best checkpoint is chosen on test '
        'images: report its scores as target-selected, or validate on other images'
    )
    for save_best, headline, shared in (
        ('mIoU', None, '3 of the 6'),
        ('mIoU', 'Rural', '3 of the 3'),
        (['mIoU', 'mF1'], 'Test/Rural', '3 of the 3'),
        ('mIoU', 'Urban', None),  # the source alone chooses
        ('Rural/mIoU', 'Urban', '3 of the 3'),
        ('Urban/mIoU', None, None),
    ):
        cfg.default_hooks = dict(checkpoint=dict(save_best=save_best))
        cfg.val_evaluator = dict(type='SegMetric', headline=headline)
        assert data_warnings(cfg) == ([sentence.format(shared)] if shared else [])
        cfg.val_evaluator = [cfg.val_evaluator]
        assert bool(data_warnings(cfg)) == bool(shared)


def test_the_same_files_under_another_path_are_the_same(config, sample, tmp_path):
    (tmp_path / 'link').symlink_to(sample)
    other = dict(data_root=str(tmp_path / 'link'), domain='Urban', split='Train')
    (line,) = data_warnings(config(test=other))
    assert 'test images are also training images' in line


def test_unlabelled_training_images_among_test_images_have_their_own_warning(config):
    cfg = config()
    tested = dict(cfg.test_dataloader.dataset)
    source = cfg.train_dataloader.dataset
    target = dict(tested, labels=False, pipeline=[])
    cfg.train_dataloader.dataset = dict(type='DomainPairDataset', source=source, target=target)
    (line,) = data_warnings(cfg)
    assert 'test images are used in training, without their labels: report the scores as' in line
    cfg.test_dataloader.dataset = dict(tested, labels=False, pipeline=[])
    assert data_warnings(cfg) == []


def test_wrappers_are_searched_and_absent_datasets_left_out(config, tmp_path):
    cfg = config(test=dict(data_root=str(tmp_path / 'not-here')))
    assert data_warnings(cfg) == []
    # A dataset that cannot be described without its folder.
    cfg.test_dataloader.dataset = dict(type='PreparedDataset', data_root=str(tmp_path / 'not-here'))
    assert data_warnings(cfg) == []
    inner = cfg.train_dataloader.dataset
    joined = dict(type='ConcatDataset', datasets=[inner])
    wrapped = dict(type='RepeatDataset', times=2, dataset=joined)
    cfg.val_dataloader.dataset = inner
    cfg.train_dataloader.dataset = wrapped
    (line,) = data_warnings(cfg)
    assert 'validation images are also training images' in line


def test_a_test_dataset_that_cannot_be_built_is_refused_before_training(config, tmp_path):
    check_test_set(config())
    check_test_set(Config(dict(test_dataloader=None)))
    assert refusal(check_test_set, config(test=dict(split='all'))) == (
        "test_dataloader.dataset: split='all' of LoveDARGBD is unknown: use Train, Val, Test"
    )
    # Its pipeline, too.
    early = [dict(type='DepthJitter'), dict(type='LoadDepth')]
    with pytest.raises(UserError, match=r'test_dataloader\.dataset: DepthJitter has no depth'):
        check_test_set(config(test=dict(pipeline=early)))
    # A dataset that is not on this machine is not checked.
    check_test_set(config(test=dict(split='all', data_root=str(tmp_path / 'not-here'))))


def test_weights_for_other_classes_of_the_same_number_are_reported(config, tmp_path):
    cfg, path = config(), tmp_path / 'x.pth'
    names = ['background', 'building', 'road', 'water', 'barren', 'forest', 'agricultural']
    for classes, warned in (
        (names, False),
        (names[::-1], True),
        (names[:5], False),  # another shape is refused when the weights are loaded
        (None, False),
    ):
        torch.save({'meta': {'dataset_meta': {'classes': classes}}, 'state_dict': {}}, path)
        line = class_warning(cfg, str(path))
        assert bool(line) == warned
    torch.save({'meta': {'dataset_meta': {'classes': names[::-1]}}, 'state_dict': {}}, path)
    assert class_warning(cfg, str(path)) == (
        f'{path} was trained on the classes {", ".join(names[::-1])}, but this config has '
        f'{", ".join(names)}: the weights of the last layer belong to the classes of the '
        'checkpoint, in their order'
    )
    assert class_warning(cfg, 'https://example.org/x.pth') is None
