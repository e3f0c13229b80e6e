"""Refuse values of a config that are valid but cannot be intended."""

import difflib
import re
from collections.abc import Iterator

from mmengine.config import Config
from torch import nn

from depthda.datasets.pipeline_check import is_random
from depthda.engine.checks.build_mistakes import nearest
from depthda.engine.checks.data_check import LOADERS, datasets_of
from depthda.engine.overrides import READ_AFTER_PARSING, read_dicts, read_nodes
from depthda.errors import UserError, few

_EVALUATION = ('val_dataloader', 'test_dataloader')
# Scores for which higher is better.
_SCORES = re.compile(r'(.*/)?(m?(IoU|F1|Dice|Acc|Precision|Recall|Fscore)|OA|aAcc|Kappa)(\..*)?$')


def check_top_level(cfg: Config) -> None:
    """Refuse a top-level name that is close to a known key, and whose value is used nowhere."""
    for name in sorted(set(cfg) - READ_AFTER_PARSING):
        near = difflib.get_close_matches(name, READ_AFTER_PARSING, n=1, cutoff=0.85)
        if name.endswith(('_pipeline', '_dataset')):  # read by configs that build on this one
            continue
        if near and not any(value == cfg[name] for _, value in read_nodes(cfg)):
            raise UserError(
                f"nothing reads '{name}' of the config; did you mean '{near[0]}'? Rename it."
            )
    resume = cfg.get('resume')
    if resume is not None and not isinstance(resume, bool):
        raise UserError(
            f'resume={resume!r} of the config must be True or False: to resume a file, set '
            'resume=True and name the file in load_from.'
        )


def check_evaluation(cfg: Config) -> None:
    """Refuse a validation or a test that changes images at random, or leaves some out."""
    for name in _EVALUATION:
        if (cfg.get(name) or {}).get('drop_last'):
            raise UserError(
                f'{name}.drop_last=True leaves out the images of the last batch, so the scores '
                'would not be those of the dataset: remove it.'
            )
        for key, step in _steps(cfg, name):
            if is_random(step):
                raise UserError(
                    f'{key}: {step["type"]} changes images at random, so the scores would differ '
                    'each time: leave random transforms to the training pipeline.'
                )
    sections = ('model', 'val_evaluator', 'test_evaluator')
    classes = _classes(cfg)
    for key, value in read_nodes({name: cfg.get(name) for name in sections}):
        if key.endswith('.ignore_index') and value in range(len(classes)):
            raise UserError(
                f'{key}={value} leaves out the class {classes[value]}: set an index that is not a '
                'class, such as 255.'
            )


def check_crops(cfg: Config) -> None:
    """Refuse a percentage as the largest share of one class in a crop: it would not limit any."""
    for key, step in _steps(cfg, 'train_dataloader'):
        if (share := step.get('cat_max_ratio') or 0) > 1:
            raise UserError(
                f'{key}.cat_max_ratio={share} is a share, and no crop exceeds 1: give '
                f'{share / 100:g} for {share} %.'
            )


def check_losses(cfg: Config) -> None:
    """Refuse losses that mmseg cannot compute, or would compute but not train with."""
    for key, head in read_dicts(cfg, 'model'):
        losses, number = head.get('loss_decode'), head.get('num_classes')
        for loss in losses if isinstance(losses, (list, tuple)) else [losses or {}]:
            weights = loss.get('class_weight')
            if number and isinstance(weights, (list, tuple)) and len(weights) != number:
                raise UserError(
                    f'{key}.loss_decode: class_weight has {len(weights)} values for {number} '
                    'classes: give one for each class.'
                )
            if weights and loss.get('avg_non_ignore') and loss['type'] == 'CrossEntropyLoss':
                raise UserError(
                    f'{key}.loss_decode: CrossEntropyLoss fails with both class_weight and '
                    'avg_non_ignore=True: set avg_non_ignore=False, which with class_weight '
                    'leaves out ignored pixels too.'
                )


def check_loss_names(model: nn.Module) -> None:
    """Refuse a loss that mmseg would log, but not train with."""
    for key, module in model.named_modules():
        name = getattr(module, 'loss_name', None)
        if isinstance(name, str) and 'loss' not in name:
            raise UserError(
                f"model.{key}.loss_name={name!r} does not contain 'loss', and mmseg trains only "
                f"with losses whose name does: call it 'loss_{name}'."
            )


def check_backbone(cfg: Config) -> None:
    """Refuse to freeze more stages than a ResNet has."""
    for key, part in read_dicts(cfg, 'model'):
        frozen, stages = part.get('frozen_stages', -1), part.get('num_stages', 4)
        if str(part.get('type')).startswith('ResNet') and frozen > stages:
            raise UserError(
                f'{key}.frozen_stages={frozen} is more than its {stages} stages: give -1 (none) '
                f'to {stages}.'
            )


def check_scores(cfg: Config) -> None:
    """Refuse to select by a class that does not exist, or by the lowest of a known score."""
    hook = (cfg.get('default_hooks') or {}).get('checkpoint') or {}
    checked = [('default_hooks.checkpoint', 'save_best', hook)]
    for number, hook in enumerate(cfg.get('custom_hooks') or ()):
        if isinstance(hook, dict) and hook.get('type') == 'EarlyStoppingHook':
            checked.append((f'custom_hooks.{number}', 'monitor', hook))
    classes = _classes(cfg)
    for key, option, hook in checked:
        names = hook.get(option) or []
        for score in [names] if isinstance(names, str) else names:
            group, dot, name = score.partition('.')
            if dot and classes and name not in classes:
                near = nearest(score, [f'{group}.{known}' for known in classes])
                raise UserError(
                    f'{key}.{option}={score!r} does not name a class of the dataset'
                    f'{near or f": give one of {few(classes, 99)}."}'
                )
            if hook.get('rule') == 'less' and _SCORES.match(score):
                raise UserError(
                    f"{key}.rule='less' keeps the lowest {score} as the best: set rule='greater'."
                )


def loss_warnings(cfg: Config) -> Iterator[str]:
    """Warn of a model that learns nothing, because all of its losses have weight 0."""
    nodes = read_dicts(cfg, 'model')
    losses = {key: part for key, part in nodes if str(part.get('type')).endswith('Loss')}
    if losses and not any(loss.get('loss_weight', 1) for loss in losses.values()):
        keys = ', '.join(f'{key}.loss_weight' for key in losses)
        yield f'the model learns nothing, because every loss has weight 0: set {keys} above 0'


def _steps(cfg: Config, loader: str) -> Iterator[tuple[str, dict]]:
    """Yield the transforms of a loader's pipelines, except those inside ``TestTimeAug``."""
    averaged: tuple[str, ...] = ()
    for key, step in read_dicts(cfg, loader):
        if '.pipeline.' in key and not (averaged and key.startswith(averaged)):
            if step.get('type') == 'TestTimeAug':
                averaged += (f'{key}.',)
            yield key, step


def _classes(cfg: Config) -> list[str]:
    for name in LOADERS:
        for dataset in datasets_of(cfg, name):
            if classes := dataset.metainfo.get('classes'):
                return list(classes)
    return []
