"""Refuse values of a config that are valid but cannot be intended."""

import difflib
import re
from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config
from mmengine.runner import checkpoint as library
from mmseg.registry import MODELS
from torch import nn

from depthda.datasets.pipeline_check import is_random
from depthda.engine.checks.build_mistakes import nearest, unknown
from depthda.engine.checks.data_check import LOADERS, classes_of, datasets_of
from depthda.engine.overrides import (
    READ_AFTER_PARSING,
    as_list,
    runtime_dicts,
    runtime_nodes,
    segmentor_config,
)
from depthda.errors import UserError, few

# Scores for which higher is better.
_SCORES = re.compile(
    r'(.*/)?(m?(IoU|F1|Dice|Acc|Precision|Recall|Fscore)|OA|aAcc|Kappa|fwIoU)(\..*)?$'
)
# Names of the weights that mmengine can download, by the scheme of a checkpoint's address.
_MODELS = {
    'open-mmlab': lambda: library.get_external_models() | library.get_deprecated_model_names(),
    'mmcls': library.get_mmcls_models,
}
# Backbones that contain the backbone for the optical bands, each with the key of that backbone.
_INNER = {'DualBackbone': 'rgb', 'EarlyFusionBackbone': 'backbone', 'NeckedBackbone': 'backbone'}


def check_top_level(cfg: Config) -> None:
    """Refuse a top-level name that is close to a known key, and whose value is used nowhere."""
    for name in sorted(set(cfg) - READ_AFTER_PARSING):
        near = difflib.get_close_matches(name, READ_AFTER_PARSING, n=1, cutoff=0.85)
        # Names with these endings are read by configs that build on this one.
        known = name.endswith(('_pipeline', '_dataset'))
        if near and not known and all(value != cfg[name] for _, value in runtime_nodes(cfg)):
            raise UserError(
                f"nothing reads '{name}' in the config: rename it if you meant '{near[0]}'."
            )
    resume = cfg.get('resume')
    if resume is not None and not isinstance(resume, bool):
        raise UserError(
            f'resume={resume!r} is not True or False: to resume from a file, set resume=True and '
            'load_from to the file.'
        )


def check_evaluation(cfg: Config) -> None:
    """Refuse a validation or test that changes images at random, or omits images or classes."""
    for name in ('val_dataloader', 'test_dataloader'):
        if (cfg.get(name) or {}).get('drop_last'):
            raise UserError(
                f'{name}.drop_last=True may leave out the last images, so the scores would not be '
                'those of the complete dataset: remove it.'
            )
        for key, step in _steps(cfg, name):
            if is_random(step):
                raise UserError(
                    f'{key}: {step["type"]} changes images at random, so the scores would differ '
                    'each time: use random transforms only in the training pipeline.'
                )
    sections = ('model', 'val_evaluator', 'test_evaluator')
    classes = _classes(cfg)
    for key, value in runtime_nodes({name: cfg.get(name) for name in sections}):
        if key.endswith('.ignore_index') and value in range(len(classes)):
            raise UserError(
                f'{key}={value} ignores the class {classes[value]}: set it to an index that is not '
                'a class, such as 255.'
            )


def check_crops(cfg: Config) -> None:
    """Refuse a percentage as the largest share of one class, because no crop would exceed it."""
    for key, step in _steps(cfg, 'train_dataloader'):
        if (share := step.get('cat_max_ratio') or 0) > 1:
            raise UserError(
                f'{key}.cat_max_ratio={share} is above 1, but it is a fraction, not a percentage: '
                f'set it to {share / 100:g} for {share} %.'
            )
    if (cfg.get('model') or {}).get('type') == 'DomainAdaptation':
        _check_domain_crops(cfg)


def _check_domain_crops(cfg: Config) -> None:
    """Refuse source and target crops of two sizes: the smaller ones would be padded."""
    crops: dict[str, tuple[str, tuple[int, ...]]] = {}
    for key, step in _steps(cfg, 'train_dataloader'):
        if 'Resize' in str(step.get('type')):
            return
        if size := step.get('crop_size'):
            side = key.removeprefix('train_dataloader.dataset.').partition('.')[0]
            crops[side] = key, (size, size) if isinstance(size, int) else tuple(size)
    if {'source', 'target'} <= crops.keys() and crops['source'][1] != crops['target'][1]:
        (key, size), (_, other) = crops['target'], crops['source']
        raise UserError(
            f'{key}.crop_size is {size}, but the source domain has crops of {other}: set the same '
            'size for both domains.'
        )


def _steps(cfg: Config, loader: str) -> Iterator[tuple[str, dict]]:
    """Yield the transforms of a loader's pipelines, except those inside ``TestTimeAug``."""
    averaged: tuple[str, ...] = ()
    for key, step in runtime_dicts(cfg, loader):
        if '.pipeline.' in key and not (averaged and key.startswith(averaged)):
            if step.get('type') == 'TestTimeAug':
                averaged += (f'{key}.',)
            yield key, step


def _classes(cfg: Config) -> list[str]:
    datasets = (dataset for name in LOADERS for dataset in datasets_of(cfg, name))
    return next(filter(None, map(classes_of, datasets)), [])


def check_model(cfg: Config) -> None:
    """Refuse layers, losses and numbers of stages for which a library's error would be unclear."""
    for key, part in runtime_dicts(cfg, 'model'):
        kind = part.get('type')
        is_layer = key.endswith(('.norm_cfg', '.act_cfg', '.conv_cfg'))
        # The error of mmcv would not name the key.
        if is_layer and isinstance(kind, str) and MODELS.get(kind) is None:
            raise UserError(f'{key}.type: {unknown(kind, MODELS)}')
        frozen, stages = part.get('frozen_stages', -1), part.get('num_stages', 4)
        if str(kind).startswith('ResNet') and frozen > stages:
            raise UserError(
                f'{key}.frozen_stages={frozen} is more than its {stages} stages: set it to -1 '
                f'(none) to {stages}.'
            )
        number = part.get('num_classes')
        for loss in as_list(part.get('loss_decode')):
            weights = loss.get('class_weight')
            if number and isinstance(weights, (list, tuple)) and len(weights) != number:
                raise UserError(
                    f'{key}.loss_decode: class_weight has {len(weights)} values for {number} '
                    'classes: set one value for each class.'
                )
            if weights and loss.get('avg_non_ignore') and loss['type'] == 'CrossEntropyLoss':
                raise UserError(
                    f'{key}.loss_decode: CrossEntropyLoss fails with both class_weight and '
                    'avg_non_ignore=True: set avg_non_ignore=False, because class_weight already '
                    'leaves out ignored pixels.'
                )


def check_loss_names(model: nn.Module) -> None:
    """Refuse a loss whose name makes mmseg log it without training with it."""
    for key, module in model.named_modules():
        name = getattr(module, 'loss_name', None)
        if isinstance(name, str) and 'loss' not in name:
            raise UserError(
                f"model.{key}.loss_name={name!r} does not contain 'loss', and mmseg trains only "
                f"with losses whose name does: rename it to 'loss_{name}'."
            )


def check_pretrained(cfg: Config) -> None:
    """Refuse a missing file of pretrained weights, and a name that mmengine cannot download."""
    for key, init in runtime_dicts(cfg, 'model'):
        if init.get('type') != 'Pretrained':
            continue
        file = str(init.get('checkpoint'))
        if '://' not in file and not Path(file).expanduser().is_file():
            raise UserError(
                f'{key}.checkpoint={file!r} is not a file: correct the path, or remove {key} to '
                'start without pretrained weights.'
            )
        scheme, _, name = file.replace('openmmlab://', 'open-mmlab://').partition('://')
        names = list(_MODELS.get(scheme, dict)())
        if names and name not in names:
            raise UserError(
                f"{key}.checkpoint: {scheme}:// has no model '{name}'"
                f'{nearest(name, names) or ": correct the name, or use a file."}'
            )


def check_bands(cfg: Config) -> None:
    """Refuse a model whose number of optical bands is not that of the loaded images.

    Some of these configs would train without an error: if a four-band image is normalised as an
    image of three bands, its fourth band is taken for depth.
    """
    expected = dict(_model_bands(segmentor_config(cfg.get('model') or {})))
    for name in LOADERS:
        for _, step in runtime_dicts(cfg, f'{name}_dataloader'):
            bands = step.get('optical_bands', 3)
            is_loader = step.get('type') in ('LoadDepth', 'LoadControlDepth')
            for key, number in expected.items() if is_loader else ():
                if number != bands:
                    raise UserError(
                        f'the {name} pipeline reads images of {bands} optical bands '
                        f'(LoadDepth.optical_bands), but {key} {number}: make them agree '
                        '(docs/your-data.md).'
                    )


def _model_bands(model: dict) -> Iterator[tuple[str, int]]:
    """Yield each key of a model that sets a number of bands, with a verb, and that number."""
    preprocessor = model.get('data_preprocessor') or {}
    if preprocessor.get('mean') is not None:
        yield 'model.data_preprocessor.mean has', len(preprocessor['mean'])
    if preprocessor.get('type') == 'DomainPairPreprocessor':
        for part in ('data_preprocessor', 'generator', 'critic'):
            yield f'model.{part}.optical_bands is', (model.get(part) or {}).get('optical_bands', 3)
    encoder, key = model.get('backbone') or {}, 'model.backbone'
    while inner := _INNER.get(encoder.get('type')):
        if encoder['type'] != 'NeckedBackbone':
            yield f'{key}.optical_bands is', encoder.get('optical_bands', 3)
        encoder, key = encoder.get(inner) or {}, f'{key}.{inner}'
    if encoder.get('type') == 'TransformersBackbone':
        yield f'{key}.arch.num_channels is', encoder['arch'].get('num_channels', 3)
        return
    default = 3 if str(encoder.get('type')).startswith(('ResNet', 'MixVision')) else None
    if (bands := encoder.get('in_channels', default)) is None:
        return  # unknown; a wrong number fails in the first step
    yield f'{key}.in_channels is', bands
    starts = [start for start in as_list(encoder.get('init_cfg')) if isinstance(start, dict)]
    named = [encoder.get('pretrained'), *(start.get('checkpoint') for start in starts)]
    weights = next(filter(None, named), '')
    if bands != 3 and '://' in str(weights):
        # mmengine would leave out what does not fit, and report it in its log only.
        raise UserError(
            f'{key}.in_channels is {bands}, but the weights {weights} are for three bands: set '
            'init_cfg=None, or use a TransformersBackbone with extra_bands.'
        )


def check_scores(cfg: Config) -> None:
    """Refuse to choose a checkpoint by an unknown class, or by the lowest value of a score."""
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    checked = [('default_hooks.checkpoint', 'save_best', hook)]
    for number, hook in enumerate(cfg.get('custom_hooks') or ()):
        if isinstance(hook, dict) and hook.get('type') == 'EarlyStoppingHook':
            checked.append((f'custom_hooks.{number}', 'monitor', hook))
    classes = _classes(cfg)
    for key, option, hook in checked:
        for score in as_list(hook.get(option)):
            group, dot, name = score.partition('.')
            if dot and classes and name not in classes:
                near = nearest(score, [f'{group}.{known}' for known in classes])
                raise UserError(
                    f'{key}.{option}={score!r} does not name a class of the dataset'
                    f'{near or f": use one of {few(classes, 99)}."}'
                )
            if hook.get('rule') == 'less' and _SCORES.match(score):
                raise UserError(
                    f"{key}.rule='less' keeps the lowest {score} as the best: set rule='greater'."
                )


def loss_warnings(cfg: Config) -> Iterator[str]:
    """Warn of a model that learns nothing, because all of its losses have weight 0."""
    nodes = runtime_dicts(cfg, 'model')
    losses = {key: part for key, part in nodes if str(part.get('type')).endswith('Loss')}
    if losses and not any(loss.get('loss_weight', 1) for loss in losses.values()):
        keys = ', '.join(f'{key}.loss_weight' for key in losses)
        yield f'the model learns nothing, because every loss has weight 0: set {keys} above 0'
