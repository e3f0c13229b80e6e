"""Every config builds at full size on the meta device, and its name agrees with its values."""

import copy
from functools import cache
from pathlib import Path

import pytest
import torch
from mmengine.config import Config, ConfigDict
from mmseg.registry import MODELS

from depthda.datasets.transforms.load_depth import LoadDepth
from depthda.engine.checks.schedule_check import check_units, schedule_warnings
from depthda.engine.prepare import load_config

ROOT = Path(__file__).parents[1] / 'configs'
# Tables list runs of configs; they are not configs.
LEAVES = sorted(p for p in ROOT.glob('*/*.py') if p.parts[-2] not in ('_base_', 'tables'))
NAMES = [str(path.relative_to(ROOT)) for path in LEAVES]
TRANSLATIONS = [path for path in LEAVES if path.name.startswith(('drdg', 'rdg', 'cyclegan'))]
PRETRAININGS = [path for path in LEAVES if path.parts[-2] == 'pretraining']
ADAPTATIONS = [path for path in LEAVES if 'DomainPairDataset' in path.read_text()]
ADAPTATIONS = [path for path in ADAPTATIONS if path not in TRANSLATIONS]
SEGMENTATIONS = [path for path in LEAVES if path not in (*TRANSLATIONS, *PRETRAININGS)]
OWN = 'depth-guided-self-training'
LOVEDA = [path for path in LEAVES if 'loveda' in path.name]
DIRECTED = [path for path in LOVEDA if '-seg-' not in path.name]


@cache
def load(path: Path) -> Config:
    return load_config(path)


def read(path: Path | str) -> Config:
    return copy.deepcopy(load(ROOT / path))


def labelled(cfg: Config) -> ConfigDict:
    """Return the config of the labelled training dataset."""
    source = cfg.train_dataloader.dataset.get('source', cfg.train_dataloader.dataset)
    return source.get('dataset', source)


def segmentor(cfg: Config) -> ConfigDict:
    return cfg.model.get('segmentor', cfg.model)


_built: dict[str, torch.nn.Module] = {}  # by config; the directions of a method share a model


def build(cfg: Config) -> torch.nn.Module:
    key = repr(cfg.model)
    if key not in _built:
        # mmseg's MiT reads a value from a tensor while it is built, so not on the meta device.
        with torch.device('cpu' if 'MixVision' in key else 'meta'):
            model = MODELS.build(cfg.model)
        _built[key] = model.to('meta')  # keeps no weights in memory
    return _built[key]


def millions(model: torch.nn.Module) -> float:
    return sum(parameter.numel() for parameter in model.parameters()) / 1e6


@pytest.mark.parametrize('path', LEAVES, ids=NAMES)
def test_a_config_builds_and_is_short(path):
    cfg = read(path)
    check_units(cfg)
    assert schedule_warnings(cfg) == []
    model = build(cfg)
    if path in SEGMENTATIONS:
        has_six = any(name in path.name for name in ('potsdam', 'prepared', 'arctic'))
        assert model.num_classes == (6 if has_six else 7)
    text = path.read_text()
    # A method that changes the network writes that down.
    assert len(text.splitlines()) <= (45 if '\nsegmentor = dict(' in text else 25)


@pytest.mark.parametrize('name, expected', [('b-s', 177.8), ('xl-b', 487.1)])
def test_depthda_has_the_published_size(name, expected):
    config = read(f'depthda/depthda_convnext-{name}_1xb4-40k_loveda-u2r-512x512.py')
    assert millions(build(config)) == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize(
    'name, total, trained',
    [
        ('depthseg_dinov2-s_1xb8', 26.17, 4.04),
        ('depthseg_dinov2-b_1xb4', 102.99, 16.11),
        ('depthseg_dinov2-l_1xb2', 351.59, 46.04),
    ],
)
def test_depthseg_has_the_documented_sizes(name, total, trained):
    model = build(read(f'depthseg/{name}-50e_liuzhou-512x512.py'))
    learned = sum(p.numel() for p in model.parameters() if p.requires_grad) / 1e6
    assert (round(millions(model), 2), round(learned, 2)) == (total, trained)
    page = (ROOT.parent / 'docs/depthseg.md').read_text()
    assert f'| {total} M | {trained} M |' in page


@pytest.mark.parametrize('path', DIRECTED, ids=[path.name for path in DIRECTED])
def test_domains_and_splits_are_those_of_the_protocol(path):
    cfg = read(path)
    source, target = ('Urban', 'Rural') if 'u2r' in path.name else ('Rural', 'Urban')
    training, test = labelled(cfg), cfg.test_dataloader.dataset
    assert (training.domain, test.domain) == (source, target)
    released, server = 'as-released' in path.name, '-server-' in path.name
    if server:
        assert (training.split, training.holdout) == (['Train', 'Val'], None)
        assert cfg.val_dataloader is None and cfg.val_evaluator is None
    elif released:
        # As in the authors' code, the checkpoint is selected on labelled target images.
        assert cfg.val_dataloader.dataset.domain == target
        assert cfg.val_dataloader.dataset.split == ['Train', 'Val']
    else:
        val = cfg.val_dataloader.dataset
        assert (training.split, val.split, val.domain) == ('Train', 'Train', source)
        assert training.holdout.part == 'fit' and val.holdout.part == 'held-out'
        assert (training.holdout.every, training.holdout.block) == (val.holdout.every, 20)
    if server or released:
        assert (test.split, test.labels, cfg.test_evaluator) == ('Test', False, [])
    else:
        assert test.split == ['Val', 'Train'] and cfg.test_evaluator.headline == 'Val'


def test_the_segmentation_challenge_has_both_domains_and_hidden_test_labels():
    paths = sorted(set(LOVEDA) - set(DIRECTED))
    assert len(paths) == 3
    for path in paths:
        cfg = read(path)
        training, test = cfg.train_dataloader.dataset, cfg.test_dataloader.dataset
        assert training.domain == test.domain == ['Urban', 'Rural']
        assert (training.split, training.holdout) == (['Train', 'Val'], None)
        assert (test.split, test.labels, cfg.test_evaluator) == ('Test', False, [])
        assert cfg.val_dataloader is None


@pytest.mark.parametrize('path', LOVEDA, ids=[path.name for path in LOVEDA])
def test_batch_length_and_crop_agree_with_the_file_name(path):
    cfg = read(path)
    _, batch_and_length, data = path.stem.rsplit('_', 2)
    batch, length = batch_and_length.split('-')
    assert int(batch.removeprefix('1xb')) == cfg.train_dataloader.batch_size
    assert int(length.removesuffix('k')) * 1000 == cfg.train_cfg.max_iters
    if 'as-released' not in path.name:
        # LoveDA's baselines stop at two thirds of their schedule.
        full = 15_000 if length == '10k' else cfg.train_cfg.max_iters
        assert cfg.param_scheduler[-1].end == full
    if cfg.param_scheduler[-1].type == 'MultiStepLR':
        share = [0.3 * cfg.train_cfg.max_iters, 0.6 * cfg.train_cfg.max_iters]
        assert cfg.param_scheduler[-1].milestones == pytest.approx(share)
    crop = tuple(int(side) for side in data.rsplit('-', 1)[1].split('x'))
    assert tuple(segmentor(cfg).data_preprocessor['size']) == crop
    if 'as-released' not in path.name:
        steps = {step.type: step for step in labelled(cfg).pipeline}
        assert tuple(steps['BalancedCrop'].crop_size) == crop


@pytest.mark.parametrize('path', SEGMENTATIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_all_models_but_the_rgb_only_ones_read_depth(path):
    cfg = read(path)
    loaders = [cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader]
    depths = {loader.dataset.depth for loader in loaders[1:] if loader} | {labelled(cfg).depth}
    rgb_only = path.parts[-2] == 'baselines' or path.name.startswith(('upernet', 'deeplabv3'))
    if path in ADAPTATIONS:
        rgb_only = not path.name.startswith(OWN) and '_depthda' not in path.name
        depths.add(cfg.train_dataloader.dataset.target.depth)
    if cfg.model.type == 'DepthSeg':
        # Depth is a target in training, and not read in tests.
        train, *others = loaders
        depths = {loader.dataset.depth for loader in others if loader}
        assert train.dataset.depth and depths == {None}
    else:
        assert (depths == {None}) == rgb_only and len(depths) == 1
    assert (segmentor(cfg).data_preprocessor.get('depth', 'input') == 'drop') == rgb_only
    # Inference on an image file reads the same depth folder as the dataset.
    steps = [step for step in cfg.test_pipeline if step['type'] == LoadDepth.__name__]
    assert {step.get('folder') for step in steps} == depths
    assert cfg.test_pipeline == cfg.test_dataloader.dataset.pipeline


@pytest.mark.parametrize('path', TRANSLATIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_translations_learn_from_pairs_and_translate_the_labelled_source(path):
    cfg = read(path)
    pair, translated = cfg.train_dataloader.dataset, cfg.translate_dataset
    for key in ('type', 'data_root', 'split', 'depth', 'domain'):
        assert translated.get(key) == pair.source.get(key)
    assert 'labels' not in translated  # labels are translated as well
    assert pair.source.depth and pair.target.depth
    # Each convolution of a U-net's encoder halves the sides; a ResNet halves them twice.
    divisor = 2 ** len(cfg.model.generator.get('channels', (1, 2)))
    assert all(side % divisor == 0 for side in cfg.model.target_size)
    if 'sample' in str(path):
        assert pair.target.domain == {'u2r': 'Rural', 'r2u': 'Urban'}[path.stem[-3:]]
        assert {pair.source.domain, pair.target.domain} == {'Urban', 'Rural'}
        crops = [half.pipeline[2].crop_size for half in (pair.source, pair.target)]
        assert all(side % divisor == 0 for crop in crops for side in crop)
        # Tiles are resized by the ratio of the crops, rounded to the divisor.
        assert cfg.model.target_size[0] / 256 == pytest.approx(crops[1][0] / crops[0][0], rel=0.02)
    else:
        epochs = 200 if cfg.model.type == 'CycleGAN' else 101
        assert cfg.train_cfg.max_iters == epochs * 38 * 7**2
        halves = [(rate.begin, rate.end) for rate in cfg.get('param_scheduler', [])]
        assert halves == ([(100 * 38 * 7**2, 200 * 38 * 7**2)] if epochs == 200 else [])
        to_vaihingen = path.stem.endswith('vaihingen')
        assert cfg.model.target_size == ((512, 512) if to_vaihingen else (896, 896))
        types = ('Potsdam', 'Vaihingen') if to_vaihingen else ('Vaihingen', 'Potsdam')
        assert (pair.source.type, pair.target.type) == types


def test_the_two_directions_of_the_local_protocol_differ_only_in_the_domains():
    names = [f'baselines/convnext-b_upernet_1xb4-40k_loveda-{d}-512x512.py' for d in ('u2r', 'r2u')]
    first, second = (read(name).to_dict() for name in names)
    differing = {key for key in first if first[key] != second[key]}
    loaders = {'train_dataloader', 'val_dataloader', 'test_dataloader'}
    assert differing == loaders | {'target_images'}  # for methods that see target images


@pytest.mark.parametrize(
    'name, epochs', [('deeplabv3_r50', 50), ('st-unet', 100), ('ctcfnet', 200)]
)
def test_baselines_on_liuzhou_are_trained_for_their_epochs_without_depth(name, epochs):
    cfg = read(f'baselines/{name}_1xb8-{epochs}e_liuzhou-512x512.py')
    assert cfg.train_cfg.max_iters == cfg.param_scheduler[-1].end == -(-7047 // 8) * epochs
    assert cfg.train_cfg.val_interval * 10 == cfg.train_cfg.max_iters
    assert cfg.train_dataloader.batch_size == 8
    loaders = (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader)
    assert {loader.dataset.depth for loader in loaders} == {None}


@pytest.mark.parametrize('path', [path for path in LEAVES if '2winter' in path.name])
def test_seasons_are_read_from_two_prepared_folders(path):
    cfg = read(path)
    datasets = [cfg[f'{name}_dataloader'].dataset for name in ('train', 'val', 'test')]
    assert {dataset.type for dataset in datasets} == {'PreparedDataset'}
    seasons = [dataset.data_root.removeprefix('data/arctic/') for dataset in datasets]
    assert seasons == ['summer', 'summer', 'winter']


def test_the_variants_of_drdg_are_those_of_the_paper():
    channels = [
        tuple(read(f'drdg/{name}_potsdam2vaihingen.py').model.generator.channels)
        for name in ('drdg', 'ablations/drdg_text-channels')
    ]
    assert channels == [(64, 128, 256, 512, 512, 512, 512), (64, 128, 256, 512, 512, 512)]
    heads = (('deeplabv3_r34', 6754822), ('deeplabv3plus_r34', 3779702))
    for name, expected in (*heads, ('deeplabv3_r34_as-released', 4723718)):
        model = build(read(f'drdg/{name}_potsdam2vaihingen-512x512.py'))
        assert sum(p.numel() for p in model.decode_head.parameters()) == expected


def test_cyclegan_has_its_own_networks_and_rdg_with_its_losses_has_those_of_rdg():
    cyclegan, losses, rdg = (
        build(read(f'drdg/{name}_potsdam2vaihingen.py'))
        for name in ('cyclegan_resnet9', 'rdg_cyclegan-losses', 'rdg')
    )
    counts = [sum(p.numel() for p in model.parameters()) for model in (cyclegan, losses, rdg)]
    assert counts == [2 * (11_378_179 + 2_764_737), counts[2], counts[2]]
    assert type(losses) is type(rdg) is not type(cyclegan)
    for model in (cyclegan, losses):
        assert type(model.adversarial).__name__ == 'LeastSquaresGANLoss'
        assert model.weights == dict(loss_adv=1, loss_cyc=10, loss_dsl=0, loss_dccl=0)
    assert (cyclegan.idt_weight, [pool.size for pool in cyclegan.pools]) == (0, [50, 50])


@pytest.mark.parametrize('path', ADAPTATIONS, ids=lambda path: str(path.relative_to(ROOT)))
def test_methods_that_adapt_see_no_target_labels_and_leave_the_source_unchanged(path):
    cfg, plain = read(path), read(Path(path.parent, Config._get_base_files(str(path))[0]).resolve())
    target = cfg.train_dataloader.dataset.target
    data = [
        (dataset.data_root, dataset.get('domain'))
        for dataset in (target, cfg.test_dataloader.dataset, labelled(cfg))
    ]
    assert data[0] == data[1] != data[2] and target.labels is False
    assert {step.type for step in target.pipeline}.isdisjoint({'LoadAnnotations', 'BalancedCrop'})
    assert labelled(cfg) == plain.train_dataloader.dataset
    if translated := cfg.train_dataloader.dataset.get('translated'):
        assert translated.data_root not in (target.data_root, labelled(cfg).data_root)
        assert {**translated, 'data_root': labelled(cfg).data_root} == labelled(cfg)
    method = path.name.split('_')[0]
    assert ({**segmentor(cfg)} == {**plain.model}) == ('\nsegmentor = ' not in path.read_text())
    for key in ('train_cfg', 'param_scheduler', 'val_dataloader', 'test_dataloader'):
        assert cfg.get(key) == plain.get(key)
    if 'loveda' in path.name:
        on_val = '-server-' in path.name and method != 'st-dasegnet'
        assert target.split == ('Val' if on_val else 'Train')


STEM = 3 * 32 * 9 + 32 * 32 * 9 + 32 * 64 * 9 + 2 * (32 + 32 + 64)  # of ResNetV1c
RESNET = 23_508_032 - 3 * 64 * 49 - 2 * 64 + STEM  # torchvision's, without its stem and classifier
SUM = 4 * 7 * (2048 * 9 + 1)  # DeepLabV2's head on the last stage
DEEPLAB = RESNET + SUM + 4 * 7 * (1024 * 9 + 1)
PSP = 46_604_647


@pytest.mark.parametrize(
    'name', ['adaptation/dca_r50_1xb8-10k_loveda-u2r-512x512.py', 'sample/dca_upernet-tiny_u2r.py']
)
def test_dca_takes_the_mean_of_its_heads_in_losses_and_predictions(name):
    head = segmentor(read(name)).decode_head
    assert (sum(head.weights), *set(head.weights), head.combine) == (1.0, 0.5, 'mean')


@pytest.mark.parametrize(
    'name, segmentor, teacher, terms',
    [
        ('adaptsegnet_r50_1xb8-10k', DEEPLAB, 0, 2 * 2_768_833),  # two critics
        ('clan_r50_1xb8-10k', RESNET + 2 * SUM, 0, 2_768_833),
        ('transnorm_r50_1xb8-10k', RESNET + 2 * SUM, 0, 2 * 2_768_833),
        ('fada_r50_1xb8-10k', RESNET + SUM, 0, 10_649_870),
        ('fada-released-weights_r50_1xb8-10k', RESNET + SUM, 0, 5_931_278),
        ('cbst_r50_1xb8-10k', PSP, PSP, 0),
        ('iast_r50_1xb8-10k', PSP, PSP, 0),
        ('pycda_r50_1xb8-10k', PSP, 0, 0),
        ('dca_r50_1xb8-10k', 2 * PSP - RESNET, 2 * PSP - RESNET, 0),  # two heads
        # A copy of the encoder, MiT-B5 with 81.4 M parameters.
        ('daformer_mit-b5_1xb2-40k', 85_152_199, 85_152_199, 81_443_008),
        ('mic_mit-b5_1xb2-40k', 85_152_199, 85_152_199, 81_443_008),
        # The optical encoder of two, ConvNeXt-B and MiT-B5.
        (f'{OWN}_convnext-b-s_1xb4-40k', 177_789_486, 177_789_486, 87_568_256),
        (f'{OWN}_mit-b5-b1_1xb2-40k', 98_565_767, 98_565_767, 81_443_008),
    ],
)
def test_methods_have_the_parameters_of_their_network_copies_and_critics(
    name, segmentor, teacher, terms
):
    model = build(read(f'adaptation/{name}_loveda-u2r-512x512.py'))
    parts = (model.segmentor, model.teacher, model.terms)
    assert [sum(p.numel() for p in part.parameters()) if part else 0 for part in parts] == [
        segmentor, teacher, terms,
    ]  # fmt: skip
    trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
    critics = name.startswith(('adaptsegnet', 'clan', 'fada', 'transnorm'))
    assert trained == segmentor + (terms if critics else 0)
