"""Find the pretrained weights that a config names, and fetch them before a run."""

from collections.abc import Iterator
from pathlib import Path

from mmengine.config import Config

from depthda.engine.overrides import all_nodes
from depthda.hub import fetch_model


def pretrained_weights(cfg: Config) -> Iterator[str]:
    """Yield the hub ids and URLs of the weights that training with this config would fetch.

    These are the ``weights`` of any dict with a ``type``, the ``checkpoint`` of a ``Pretrained``
    initialisation, and ``load_from``. Local files and folders are left out.
    """
    content = cfg.to_dict()
    for node in (content, *(value for _, value in all_nodes(content) if isinstance(value, dict))):
        weights, checkpoint = node.get('weights'), node.get('checkpoint')
        if 'type' in node and isinstance(weights, str) and not Path(weights).expanduser().exists():
            yield weights
        if node.get('type') == 'Pretrained' and '://' in str(checkpoint):
            yield checkpoint
        if '://' in str(node.get('load_from')):
            yield node['load_from']


def fetch(weights: str) -> Path:
    """Download weights into the cache of Hugging Face or torch; return the folder with them."""
    if '://' not in weights:
        return fetch_model(weights)
    import torch
    from mmengine.runner.checkpoint import CheckpointLoader

    CheckpointLoader.load_checkpoint(weights, map_location='cpu')
    return Path(torch.hub.get_dir(), 'checkpoints')
