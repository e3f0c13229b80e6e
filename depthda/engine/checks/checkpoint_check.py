"""Compare a config with the training config that mmengine stores as text in a checkpoint.

The text is parsed and never executed, because a checkpoint is data.
"""

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.config import Config

from depthda.checkpoints.loading import read_meta
from depthda.engine.checks.data_check import classes_of, datasets_of, listed_datasets
from depthda.engine.overrides import segmentor_config
from depthda.errors import UserError
from depthda.provenance import describe_dataset

Difference = tuple[str, Any, Any]  # key, value in the checkpoint's config, value in this config

_UNKNOWN = object()  # a value that is known only when the config is run
_SHOWN = 5
# Settings that a resumed run takes from its checkpoint, or uses in tests only.
_NOT_TRAINED = re.compile(r'\.(init_cfg|pretrained|test_cfg)\b')
# Settings of a model that have no effect on a prediction; SyncBN predicts as BN does.
_NOT_PREDICTED = re.compile(
    r'loss|sampler|drop|auxiliary_head|ignore_index|with_cp|norm_cfg|pretrained'
    r'|\.(init_cfg|train_cfg|test_cfg|size|size_divisor|seg_pad_val|keep_\w+)\b'
)


def resume_warning(cfg: Config, checkpoint: str) -> str | None:
    """Return a warning about settings of a resumed run that differ from the checkpoint."""
    keys = ('model', 'train_dataloader.dataset', 'optim_wrapper', 'data_preprocessor')
    differences = _compare(cfg, _meta(checkpoint), keys)
    changed = [difference for difference in differences if not _NOT_TRAINED.search(difference[0])]
    if not changed:
        return None
    return (
        f'{checkpoint} was trained with another config, but the training continues with this one '
        f'({_listed(changed)}): resume with the old values, or train in another --work-dir'
    )


def test_warnings(cfg: Config, checkpoint: str) -> Iterator[str]:
    """Warn of a model or depth maps unlike those that the checkpoint was trained with.

    Also warn if the checkpoint was trained on the tested domain, and this config would not be.
    """
    meta = _meta(checkpoint)
    # Compare the segmentors only, because what adapts a model does not affect its predictions.
    configs = _stored(meta), cfg.to_dict()
    models = (config.get('model') or {} for config in configs)
    old, new = (segmentor_config(m) if isinstance(m, dict) else m for m in models)
    differences = _differences('model', old, new) if old else ()
    changed = [difference for difference in differences if not _NOT_PREDICTED.search(difference[0])]
    if changed:
        yield (
            f'{checkpoint} was trained with a model that differs from the one in this config '
            f'({_listed(changed)}), which changes its predictions: test with the old values'
        )
    old, new = _depth_source(_stored(meta), 'train'), _depth_source(cfg, 'test')
    if isinstance(old, str) and isinstance(new, str) and old != new:
        yield (
            f'{checkpoint} was trained with the depth maps {old}, but this test reads {new}: set '
            'test_dataloader.dataset.depth to the depth maps of the training'
        )
    trained = _domains(meta.get('trained_on') or {})
    described, tested = _config_domains(cfg, 'train'), _config_domains(cfg, 'test')
    if described and (seen := trained & tested) and not described & tested:
        yield (
            f'{checkpoint} was trained on {" and ".join(sorted(trained))}, but this config trains '
            f'on {" and ".join(sorted(described))} and tests on {" and ".join(sorted(seen))}: '
            'the scores are not those of a model that has never seen the tested domain'
        )


def check_tested_classes(cfg: Config, checkpoint: str) -> None:
    """Refuse a test dataset whose classes, or their order, differ from the checkpoint's."""
    trained = _trained_classes(checkpoint)
    for tested in map(classes_of, datasets_of(cfg, 'test')):
        if trained and tested and trained != tested:
            kind = 'in another order' if sorted(trained) == sorted(tested) else 'other names'
            raise UserError(
                f'{checkpoint} was trained on the classes {", ".join(trained)}, but the test '
                f'dataset has {", ".join(tested)} ({kind}), so predictions would count as the '
                'wrong class: set test_dataloader.dataset.metainfo to the classes of the training.'
            )


def class_warning(cfg: Config, checkpoint: str) -> str | None:
    """Warn of initial weights that were trained on as many classes, but on different ones."""
    trained = _trained_classes(checkpoint)
    for _, dataset in listed_datasets(cfg):
        classes = classes_of(dataset)
        if len(trained) == len(classes) and trained != classes:
            return (
                f'{checkpoint} was trained on the classes {", ".join(trained)}, but this config '
                f'has {", ".join(classes)}: the weights of the last layer belong to the classes of '
                'the checkpoint, in their order'
            )
    return None


def check_translated_domain(dataset: Any, config: str, checkpoint: str) -> None:
    """Refuse to translate images of a domain other than the source domain of the checkpoint."""
    meta = _meta(checkpoint)
    trained = _domains((meta.get('trained_on') or {}).get('source') or {})
    chosen = _domains(describe_dataset(dataset))
    if trained and chosen and not chosen <= trained:
        name = re.sub(r'_\d{8}_\d{6}$', '', meta.get('experiment_name') or '')
        raise UserError(
            f'{checkpoint} translates images of {" and ".join(sorted(trained))}, but the '
            f'translate_dataset of {config} has images of {" and ".join(sorted(chosen))}: use the '
            f'config that the checkpoint was trained with{f" ({name}.py)" if name else ""}.'
        )


def _meta(checkpoint: str) -> dict:
    return {} if '://' in checkpoint else read_meta(checkpoint)


def _trained_classes(checkpoint: str) -> list[str]:
    return list((_meta(checkpoint).get('dataset_meta') or {}).get('classes') or ())


def _compare(cfg: Config, meta: dict, keys: tuple[str, ...]) -> Iterator[Difference]:
    stored = _stored(meta)
    for key in keys if stored else ():
        old, new = stored, cfg.to_dict()
        for part in key.split('.'):
            old, new = (old or {}).get(part), (new or {}).get(part)
        yield from _differences(key, old, new)


def _stored(meta: dict) -> dict[str, Any]:
    """Return the config of a checkpoint; empty if it has none that can be read."""
    try:
        body = ast.parse(meta.get('cfg') or '').body
    except SyntaxError:  # a config in another format
        return {}
    return {s.targets[0].id: _value(s.value) for s in body if isinstance(s, ast.Assign)}


def _depth_source(cfg: Mapping[str, Any], loader: str) -> Any:
    """Return the name of the depth maps that a config trains or tests with."""
    return ((cfg.get(f'{loader}_dataloader') or {}).get('dataset') or {}).get('depth')


def _value(node: ast.expr) -> Any:
    """Return the value of an expression in the dump of a config."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == 'dict':
        return {keyword.arg: _value(keyword.value) for keyword in node.keywords}
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return {ast.literal_eval(key): _value(value) for key, value in pairs if key}
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_value(item) for item in node.elts]
    try:
        return ast.literal_eval(node)
    except ValueError:
        return _UNKNOWN


def _differences(key: str, old: Any, new: Any) -> Iterator[Difference]:
    if isinstance(new, tuple):
        new = list(new)
    if isinstance(old, dict) and isinstance(new, dict):
        for name in dict.fromkeys((*old, *new)):
            yield from _differences(f'{key}.{name}', old.get(name), new.get(name))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        if any(isinstance(item, (dict, list, tuple)) for item in new):
            for number, pair in enumerate(zip(old, new, strict=True)):
                yield from _differences(f'{key}.{number}', *pair)
        elif old != new and _UNKNOWN not in old:
            yield key, old, new
    elif old is not _UNKNOWN and old != new:
        yield key, old, new


def _listed(differences: list[Difference]) -> str:
    def short(value: Any) -> str:
        text = 'not set' if value is None else repr(value)
        return text if len(text) <= 60 else f'{text[:59]}…'

    shown = [f'{key}: {short(old)} → {short(new)}' for key, old, new in differences[:_SHOWN]]
    more = [f'and {len(differences) - _SHOWN} more'] if len(differences) > _SHOWN else []
    return '; '.join(shown + more)


def _config_domains(cfg: Config, name: str) -> set[str]:
    keys = ('domain', 'domains')
    described = ({key: getattr(d, key, None) for key in keys} for d in datasets_of(cfg, name))
    return set().union(*map(_domains, described))


def _domains(described: dict) -> set[str]:
    """Return all domains of a described dataset, also those of the datasets inside it."""
    names: set[str] = set()
    for key, value in described.items():
        if key in ('domain', 'domains') and value:
            names |= {value} if isinstance(value, str) else set(value)
        elif key != 'translation':
            parts = value if isinstance(value, list) else [value]
            names |= set().union(*(_domains(part) for part in parts if isinstance(part, dict)))
    return names
