"""Load models of ``transformers`` from the hub or a local folder, with errors in one sentence."""

import hashlib
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import nn
from transformers.utils import logging as transformers_logging

from depthda.errors import UserError


@contextmanager
def explained(weights: str, option: str = 'weights=') -> Iterator[None]:
    """Turn the errors of ``transformers`` about unreadable weights into one sentence.

    ``option`` is the setting that names the weights, for the advice in the message.
    """
    folder = Path(weights).expanduser()
    if folder.is_file():
        raise UserError(
            f'{weights} is a file, but transformers needs a folder (with config.json and '
            'model.safetensors): download it with `hf download OWNER/NAME --local-dir DIR`.'
        )
    # A hub id has the form `owner/name` or `name`; anything else is a path.
    if not folder.is_dir() and not re.fullmatch(r'[\w][\w.-]*(/[\w][\w.-]*)?', weights):
        raise UserError(
            f'The weights folder {weights!r} does not exist: download the weights with '
            f'`hf download OWNER/NAME --local-dir {weights}`, or set {option.rstrip("= ")} to the '
            'right path.'
        )
    try:
        yield
    except UserError:
        raise
    except (OSError, ValueError, SafetensorError) as error:
        reason = str(error).splitlines()[0].rstrip('. ')
        if folder.is_dir():
            if pointers := [path.name for path in folder.iterdir() if _is_pointer(path)]:
                raise UserError(
                    f'{pointers[0]} in the folder {weights!r} is a git-lfs pointer, not the file '
                    'itself: run `git lfs pull` in that folder, or download it with `hf download`.'
                ) from error
            raise UserError(
                f'The folder {weights!r} contains no readable transformers checkpoint (config.json '
                f'and model.safetensors): {reason}.'
            ) from error
        raise UserError(
            f'The weights {weights!r} are neither a local folder nor available from the hub '
            f'({reason}): with a network connection, run `hf download {weights} --local-dir DIR`, '
            f'then set {option}DIR.'
        ) from error


def _is_pointer(path: Path) -> bool:
    # A pointer of git-lfs has three short lines.
    if not path.is_file() or path.stat().st_size > 1024:
        return False
    return path.read_bytes().startswith(b'version https://git-lfs')


def fetch_model(weights: str) -> Path:
    """Download a model into the cache that ``transformers`` uses, and return its folder."""
    from huggingface_hub import snapshot_download

    with explained(weights):
        folder = Path(snapshot_download(weights, allow_patterns=['*.json', '*.safetensors']))
        if not any(folder.glob('*.safetensors')):  # older repositories have only .bin
            snapshot_download(weights, allow_patterns=['*.json', '*.bin'])
    return folder


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence reports and progress bars of ``transformers``; callers report faults themselves."""
    verbosity = transformers_logging.get_verbosity()
    progress_bar = transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity(logging.ERROR)
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if progress_bar:
            transformers_logging.enable_progress_bar()


def fingerprint(model: nn.Module) -> bytes:
    """Return the SHA-256 of all weights, whichever file or folder they were read from."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy())
    return digest.digest()
