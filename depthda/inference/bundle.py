"""Bundles: folders with everything that a model needs: weights, config, classes and a card."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from depthda.errors import UserError, few
from depthda.inference.trained_model import TrainedModel, build_network, complete
from depthda.io.files import atomic_path, read_json, sha256, write_json
from depthda.io.tuples import restored, stored
from depthda.version import __version__

WEIGHTS, FACTS, CARD = 'model.safetensors', 'bundle.json', 'README.md'
_FORMAT = 1
# Suffixes of files that may run code when they are read; a bundle needs no such file.
_PICKLES = ('.pth', '.pt', '.pkl', '.pickle', '.bin', '.ckpt', '.joblib')


@dataclass(frozen=True)
class Card:
    """Facts about a model that its author adds to those that the checkpoint records."""

    name: str  # of the model
    gsd: float | None = None  # ground sampling distance of the training images, in metres
    licence: str | None = None  # of the weights, such as cc-by-nc-sa-4.0
    data: str | None = None  # licence and source of the training data
    scores: Mapping[str, float] | None = None  # by name


def save_bundle(model: TrainedModel, out: str | Path, card: Card) -> list[Path]:
    """Write a bundle and return its files.

    The weights are complete: they include an encoder that the checkpoint only names.
    """
    out = Path(out)
    if out.is_dir() and any(out.iterdir()) and not (out / FACTS).is_file():
        raise UserError(f'{out} contains other files: name a new folder.')
    out.mkdir(parents=True, exist_ok=True)
    with atomic_path(out / WEIGHTS) as temporary:
        save_file(_weights(model), temporary)
    facts = {
        'format': _FORMAT,
        'depthda': __version__,
        'weights_sha256': sha256(out / WEIGHTS),
        'model': stored(model.config.to_dict()['model']),
        'classes': list(model.classes),
        'palette': [list(colour) for colour in model.palette],
        'about': dict(model.about, gsd=card.gsd or model.about.get('gsd')),
        'licence': card.licence,
    }
    write_json(out / FACTS, facts)
    with atomic_path(out / CARD) as temporary:
        temporary.write_text(card_text(model, card), encoding='utf-8')
    return [out / name for name in (WEIGHTS, FACTS, CARD)]


def load_bundle(folder: str | Path, device: str = 'cpu') -> TrainedModel:
    """Build the model of a bundle; nothing is downloaded, and no code of the bundle runs."""
    folder = Path(folder)
    if pickles := [path.name for path in folder.iterdir() if path.suffix in _PICKLES]:
        raise UserError(
            f'{folder} contains {few(pickles)}, which might run code when it is read. A bundle has '
            f'only {WEIGHTS}, {FACTS} and {CARD}: get it again from its author.'
        )
    facts = read_json(folder / FACTS)
    if facts is None or not (folder / WEIGHTS).is_file():
        raise UserError(f'{folder} is not a bundle: it lacks {FACTS} or {WEIGHTS}.')
    if facts.get('format') != _FORMAT:
        raise UserError(
            f'{folder} has format {facts.get("format")}, but depthda {__version__} reads only '
            f'format {_FORMAT}: install a version that reads it.'
        )
    if sha256(folder / WEIGHTS) != facts['weights_sha256']:
        raise UserError(
            f'{folder / WEIGHTS} is not the file that {FACTS} describes: download it again.'
        )
    try:
        weights = load_file(folder / WEIGHTS)
    except SafetensorError as error:
        raise UserError(f'{folder / WEIGHTS} is damaged ({error}): download it again.') from error
    cfg = Config({'model': restored(facts['model'])})
    network = build_network(cfg, reads_encoder=False)
    complete(network, {'state_dict': weights}, str(folder / WEIGHTS))
    colours = tuple(tuple(colour) for colour in facts['palette'])
    about = dict(facts['about'], file=folder.name)
    network = network.to(device).eval()
    return TrainedModel(network, tuple(facts['classes']), colours, cfg, about)


def load_hub_bundle(name: str, device: str = 'cpu') -> TrainedModel:
    """Download a bundle from the hub, ``owner/name@revision``, and build its model."""
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition('@')
    try:
        folder = snapshot_download(
            repository, revision=revision or None, allow_patterns=[WEIGHTS, FACTS, CARD]
        )
    except OSError as error:  # includes the errors of the hub
        reason = str(error).splitlines()[0].rstrip('. ')
        raise UserError(
            f'the bundle {name} cannot be downloaded ({reason}): check the name and the connection.'
        ) from error
    return load_bundle(folder, device)


def push(folder: str | Path, repository: str) -> str:
    """Upload a bundle to the hub; return the name that pins this version."""
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        api.create_repo(repository, exist_ok=True)
        commit = api.upload_folder(
            repo_id=repository, folder_path=folder, allow_patterns=[WEIGHTS, FACTS, CARD]
        )
    except OSError as error:
        reason = str(error).splitlines()[0].rstrip('. ')
        raise UserError(
            f'the bundle cannot be uploaded to {repository} ({reason}): check the name and your '
            'access.'
        ) from error
    return f'{repository}@{commit.oid}'


def is_hub_name(name: str) -> bool:
    return re.fullmatch(r'[\w.-]+/[\w.-]+(@[\w.-]+)?', name) is not None


def _weights(model: TrainedModel) -> dict[str, Tensor]:
    """Return copies of all tensors of the network, including those of a frozen encoder."""
    tensors = dict(model.network.named_parameters()) | model.network.state_dict()
    kept = {name: value for name, value in tensors.items() if not name.endswith('fingerprint')}
    return {name: value.detach().cpu().contiguous().clone() for name, value in kept.items()}


def card_text(model: TrainedModel, card: Card) -> str:
    """Return the README of a bundle, with the header that the hub reads."""
    head = ['---', 'library_name: depthda', 'pipeline_tag: image-segmentation']
    head += [f'license: {card.licence}'] if card.licence else []
    gsd = card.gsd or model.about.get('gsd')
    facts = {
        'Classes': ', '.join(model.classes),
        'Optical bands': str(model.bands),
        'Depth': model.depth_source or 'not read at test time',
        'Window': ' × '.join(map(str, model.window)),
        'Ground sampling distance of training': f'{gsd:g} m' if gsd else 'not recorded',
        'Trained on': dataset_text(model.about.get('trained_on') or {}),
        'Checkpoint chosen by': _choice(model.about.get('selection') or {}),
        'Licence of the training data': card.data or 'not recorded',
        'Licence of the weights': card.licence or 'not recorded',
        'SHA-256 of the checkpoint': str(model.about.get('sha256')),
    }
    lines = [*head, '---', '', f'# {card.name}', '', '| | |', '| --- | --- |']
    lines += [f'| {key} | {value} |' for key, value in facts.items()]
    if card.scores:
        lines += ['', '| score | |', '| --- | ---: |']
        lines += [f'| {name} | {value:.2f} |' for name, value in card.scores.items()]
    lines += ['', '```bash', 'depthda predict FOLDER scene.tif --out map.tif', '```', '']
    return '\n'.join(lines)


def dataset_text(described: Mapping[str, Any]) -> str:
    """Return the type of a dataset, its domains and its splits in one line."""
    if source := described.get('source'):
        return f'{dataset_text(source)}; without labels: {dataset_text(described["target"])}'
    parts = [described.get('type')]
    for key in ('domains', 'domain', 'splits', 'split'):
        value = described.get(key)
        parts.append(' + '.join(value) if isinstance(value, list) else value)
    return ', '.join(str(part) for part in parts if part) or 'not recorded'


def _choice(selection: Mapping[str, Any]) -> str:
    rule = selection.get('rule') or 'not recorded'
    return f'{rule}, on {dataset_text(selection["on"])}' if selection.get('on') else rule
