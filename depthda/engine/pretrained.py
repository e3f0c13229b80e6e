"""Find the pretrained weights that a config names, and fetch them before a run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config

from depthda.hub import fetch_model


def pretrained_weights(cfg: Config) -> Iterator[str]:
    """Yield the hub ids and URLs of the weights that training with this config would fetch.

    These are the ``weights`` of any dict with a ``type``, the ``checkpoint`` of a ``Pretrained``
    initialisation, and ``load_from``. Local files and folders are left out.
    """
    return _find_weights(cfg.to_dict())


def _find_weights(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        weights, checkpoint = node.get('weights'), node.get('checkpoint')
        if 'type' in node and isinstance(weights, str) and not Path(weights).expanduser().exists():
            yield weights
        if node.get('type') == 'Pretrained' and '://' in str(checkpoint):
            yield checkpoint
        if '://' in str(node.get('load_from')):
            yield node['load_from']
        node = node.values()
    for child in node:
        if isinstance(child, (dict, list, tuple)):
            yield from _find_weights(child)


def fetch(weights: str) -> Path:
    """Download weights into the cache of Hugging Face or torch, and return their path."""
    if '://' not in weights:
        return fetch_model(weights)
    import torch
    from mmengine.runner.checkpoint import CheckpointLoader

    CheckpointLoader.load_checkpoint(weights, map_location='cpu')
    return Path(torch.hub.get_dir(), 'checkpoints')
