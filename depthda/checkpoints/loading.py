"""Read checkpoints as data: one loader accepts only complete files of tensors and built-ins."""

import errno
import re
import zipfile
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import numpy as np
import torch
from mmengine.fileio import LocalBackend, register_backend
from mmengine.logging import HistoryBuffer

from depthda.errors import UserError
from depthda.io.files import atomic_path, sha256


class DamagedCheckpointError(UserError):
    """A checkpoint that was not written to its end, or was changed afterwards."""


# Checkpoints of mmengine's own hook also hold loss histories as Python objects. They are read as
# empty objects: none of their code runs, and a start from the weights does not need them.
_EMPTY = {
    '__new__': lambda cls, *args: object.__new__(cls),
    '__setstate__': lambda self, state: None,
}
_INERT = [
    type(name, (), {'__module__': module, **_EMPTY})
    for module, name in (
        ('mmengine.logging.history_buffer', 'HistoryBuffer'),
        ('numpy', 'ndarray'),
        ('numpy', 'dtype'),
        ('numpy._core.multiarray', '_reconstruct'),
        ('numpy._core.multiarray', 'scalar'),
        ('numpy.core.multiarray', '_reconstruct'),
        ('numpy.core.multiarray', 'scalar'),
        ('builtins', 'getattr'),
    )
]


def load_checkpoint_file(
    file, map_location=None, weights_only: bool | None = None, mmap: bool = False
) -> dict:
    """Read a checkpoint without ever executing code that is in it.

    The arguments are those of the mmengine function that this one replaces (see :func:`install`),
    but ``weights_only`` cannot be switched off. With ``mmap``, weights are read only when they are
    used.
    """
    if isinstance(file, (str, Path)):
        with open(file, 'rb') as stream:
            start = stream.read(2)
        # A checkpoint is a zip, or a pickle (torch before 1.6). An empty file was cut off, which is
        # reported below.
        if not (start in (b'PK', b'') or start.startswith(b'\x80')):
            raise UserError(
                f'{file} is not a checkpoint: pass a .pth file written by a training run.'
            )
    try:
        # Files of torch before 1.6 are not zips and cannot be mapped.
        mmap = mmap and zipfile.is_zipfile(file)
        with torch.serialization.safe_globals(_INERT):
            return torch.load(file, map_location=map_location, mmap=mmap, weights_only=True)
    except UnpicklingError as error:
        # torch's own message would advise to disable the check.
        match = re.search(r'GLOBAL ([\w.]+)', str(error))
        raise UserError(
            f'{_name(file)} contains more than tensors and plain values'
            f'{f" ({match[1]})" if match else ""}, so loading it could run code: if you trust its '
            "source, save it again as {'state_dict': ...} with tensors only."
        ) from error
    except (EOFError, OSError, RuntimeError) as error:
        # torch cannot map some files that lack their end, and reports an invalid argument.
        cut_off = isinstance(error, EOFError) or getattr(error, 'errno', None) == errno.EINVAL
        if 'PytorchStreamReader' not in str(error) and not cut_off:
            raise
        raise DamagedCheckpointError(
            f'{_name(file)} is damaged or incomplete: use an earlier checkpoint.'
        ) from error


class AtomicLocalBackend(LocalBackend):
    """mmengine's local files, written under a temporary name and renamed."""

    def put(self, obj: bytes, filepath: str | Path) -> None:
        with atomic_path(filepath, len(obj)) as temporary:
            super().put(obj, temporary)

    def put_text(self, obj: str, filepath: str | Path, encoding: str = 'utf-8') -> None:
        with atomic_path(filepath) as temporary:
            super().put_text(obj, temporary, encoding)


def install() -> None:
    """Make every checkpoint that mmengine or mmseg opens or writes go through this module.

    mmengine reads checkpoints with two functions. The one for files falls back to unsafe
    unpickling, and the one for downloads uses torch's default, which is unsafe. Both are replaced
    here, which covers ``Runner``, ``init_model`` and backbones with a ``Pretrained``
    initialisation.
    """
    # Not imported at the top: depthda.startup calls this function once this module is imported.
    import mmengine.runner.checkpoint as mmengine_checkpoint

    mmengine_checkpoint._safe_torch_load = load_checkpoint_file
    mmengine_checkpoint.load_url = _download
    register_backend('local', AtomicLocalBackend, force=True, prefixes='')


def _download(url: str, *args, **kwargs) -> dict:
    """Load a download, or its copy in torch's cache, as data.

    Without a network, the error message says where to put the file.
    """
    try:
        return torch.hub.load_state_dict_from_url(url, *args, weights_only=True, **kwargs)
    except OSError as error:  # includes the errors of urllib
        cache = Path(torch.hub.get_dir()) / 'checkpoints'
        reason = getattr(error, 'reason', None) or error
        raise UserError(
            f'{url} could not be downloaded ({reason}): download it on a machine with network '
            f'access and put it into {cache}, or set the path of a file instead of the URL.'
        ) from error


def to_plain(value: Any) -> Any:
    """Return the same content as tensors and built-ins, which ``weights_only`` can read back.

    Loss histories become tensors; :func:`restore_histories` turns them back.
    """
    if isinstance(value, HistoryBuffer):
        log, count = map(torch.as_tensor, value.data)
        return {'log_history': log, 'count_history': count, 'max_length': value.max_length}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return torch.from_numpy(value)
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        items = [to_plain(item) for item in value]
        return items if isinstance(value, list) else tuple(items)
    if value is None or isinstance(value, (bool, int, float, str, bytes, torch.Tensor)):
        return value
    raise TypeError(f'a checkpoint can only store plain data, not {type(value)}')


def restore_histories(message_hub: dict) -> None:
    """Rebuild the loss histories of a loaded message hub in place."""
    scalars = message_hub['log_scalars']
    for key, plain in scalars.items():
        if isinstance(plain, dict):
            scalars[key] = HistoryBuffer(
                plain['log_history'].tolist(), plain['count_history'].tolist(), plain['max_length']
            )


def latest_checkpoint(work_dir: str | Path, exclude: str | Path | None = None) -> Path | None:
    """Return the checkpoint that the last run in ``work_dir`` wrote last; None if there is none.

    The file ``exclude`` is treated as missing.

    mmengine records the name in ``last_checkpoint``. If a run is killed at the wrong moment, the
    file of that name no longer exists. Then the newest file is returned, not the one with the
    highest number, which may come from an earlier and longer run in the same folder.
    """
    work_dir = Path(work_dir)
    record = work_dir / 'last_checkpoint'
    if record.is_file():
        # Only the name counts, because the folder may have been moved.
        recorded = work_dir / Path(record.read_text().strip()).name
        if recorded.is_file() and recorded != exclude:
            return recorded
    candidates = [
        (path.stat().st_mtime_ns, int(match[1]), path)
        for path in set(work_dir.glob('*.pth')) - {exclude}
        if (match := re.fullmatch(r'(?:iter|epoch)_(\d+)', path.stem))
    ]
    return max(candidates)[-1] if candidates else None


def check_is_checkpoint(path: str | Path) -> None:
    """Raise a ``UserError`` that lists checkpoints of the folder, if ``path`` is not a file."""
    if '://' in str(path) or Path(path).is_file():
        return
    path = Path(path)
    folder = path if path.is_dir() else path.parent
    near = sorted(p.name for p in folder.glob('*.pth'))[-5:]
    names = ', '.join(near)
    if path.is_dir():
        hint = f' ({names})' if near else ''
        raise UserError(f'{path} is a folder: pass the path of one of its .pth files{hint}.')
    hint = f': {folder} contains {names}' if near else ''
    raise UserError(f'the checkpoint {path} does not exist{hint}.')


def read_meta(path: str | Path) -> dict:
    """Read the ``meta`` of a checkpoint without reading its weights into memory."""
    return load_checkpoint_file(path, map_location='cpu', mmap=True).get('meta', {})


def file_hash(path: str | Path) -> str:
    """Return the first 12 hexadecimal digits of a file's SHA-256: enough to name a checkpoint."""
    return sha256(path)[:12]


def _name(file) -> str:
    return str(file) if isinstance(file, (str, Path)) else getattr(file, 'name', 'the checkpoint')
