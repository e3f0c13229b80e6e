"""Connect the processes that a launcher has started, so that they share one run."""

import datetime
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from mmengine.dist import init_dist

from depthda.errors import UserError, many

# Environment variables that launchers set and mmengine reads.
_NEEDED = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'),
    'mpi': ('OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_RANK'),
}
_RANK = {'pytorch': 'RANK', 'slurm': 'SLURM_PROCID', 'mpi': 'OMPI_COMM_WORLD_RANK'}
_STARTERS = {
    'pytorch': 'torchrun --nproc-per-node N -m depthda …',
    'slurm': 'srun depthda …',
    'mpi': 'mpirun -np N depthda …',
}


def check_launcher(launcher: str) -> None:
    """Raise a ``UserError`` if this process was not started as ``--launcher`` states."""
    if launcher == 'none':
        if _number('WORLD_SIZE') > 1:
            _refuse('WORLD_SIZE', 'pytorch')
        # Only for processes that srun started: a batch script is one process, however many tasks
        # it has requested.
        if _number('SLURM_NTASKS') > 1 and 'SLURM_STEP_ID' in os.environ:
            _refuse('SLURM_NTASKS', 'slurm')
        return
    missing = [name for name in _NEEDED[launcher] if name not in os.environ]
    if missing:
        raise UserError(
            f'--launcher {launcher} needs {", ".join(missing)} in the environment: start the '
            f'command with {_STARTERS[launcher]}, or leave out --launcher for one process.'
        )


def is_first_process(launcher: str) -> bool:
    """Return whether this process has rank 0; works before the processes are connected."""
    return launcher == 'none' or os.environ[_RANK[launcher]] == '0'


def init_processes(launcher: str) -> None:
    """Initialise the process group of a command that does not use mmengine's ``Runner``."""
    check_launcher(launcher)
    if launcher == 'none' or torch.distributed.is_initialized():
        return
    if torch.cuda.is_available():
        init_dist(launcher)
    elif launcher == 'pytorch':
        # init_dist assumes that each process has a GPU.
        torch.distributed.init_process_group('gloo')
    else:
        raise UserError(
            f'--launcher {launcher} needs a GPU: without one, use torchrun and --launcher pytorch.'
        )


def _number(name: str) -> int:
    text = os.environ.get(name, '')
    return int(text) if text.isdigit() else 0


def _refuse(name: str, launcher: str) -> None:
    raise UserError(
        f'this is one of {os.environ[name]} processes ({name}), which would all do the same work '
        f'in the same folder without --launcher: add --launcher {launcher}.'
    )


Item = TypeVar('Item')
# Long, because the last process of a long run may be hours behind the first.
_TIMEOUT = datetime.timedelta(days=7)


@dataclass(frozen=True)
class Shard:
    """One process's share of the items: every ``size``-th item, starting with item ``rank``."""

    rank: int = 0
    size: int = 1

    def part(self, items: Sequence[Item]) -> Sequence[Item]:
        return items[self.rank :: self.size]

    def wait(self) -> None:
        """Wait until all processes have arrived here."""
        if self.size == 1:
            return
        try:
            dist.barrier()
        except RuntimeError as error:
            # gloo raises this error if a process has ended.
            raise UserError(
                'another process of this run has stopped: read its error message.'
            ) from error


@contextmanager
def joined(launcher: str) -> Iterator[Shard]:
    """Join the processes of ``torchrun`` (``launcher='pytorch'``), each with its own GPU.

    Yield the :class:`Shard` of this process.
    """
    if launcher == 'none':
        yield Shard()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']) % torch.cuda.device_count())
    # The group is used for barriers only, so gloo is sufficient even on GPUs.
    dist.init_process_group('gloo', timeout=_TIMEOUT)
    try:
        yield Shard(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()


def choose_device(name: str | None):
    """Return the named device; without a name, the GPU of this process, or the CPU."""
    if name is None:
        return torch.device('cuda' if torch.cuda.is_available() else 'cpu')
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f'there is no device {name!r}: use cpu, cuda or cuda:N.') from error
    if device.type == 'cuda' and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(
            f'{name} is not available, because torch finds '
            f'{many(torch.cuda.device_count(), "GPU")}: use --device cpu, or install a build of '
            'torch for your GPU.'
        )
    return device
