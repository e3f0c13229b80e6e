"""Several processes must know of each other, or each trains alone into the same folder."""

import os

import torch
from mmengine.dist import init_dist

from depthda.errors import UserError

# What the launchers set for each process, as mmengine reads it.
_NEEDED = {
    'pytorch': ('RANK', 'WORLD_SIZE', 'LOCAL_RANK', 'MASTER_ADDR', 'MASTER_PORT'),
    'slurm': ('SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_NODELIST'),
    'mpi': ('OMPI_COMM_WORLD_LOCAL_RANK', 'OMPI_COMM_WORLD_SIZE', 'OMPI_COMM_WORLD_RANK'),
}
_RANK = {'pytorch': 'RANK', 'slurm': 'SLURM_PROCID', 'mpi': 'OMPI_COMM_WORLD_RANK'}
_STARTERS = {
    'pytorch': 'torchrun --nproc-per-node N tools/…',
    'slurm': 'srun python tools/…',
    'mpi': 'mpirun -np N python tools/…',
}


def check_launcher(launcher: str) -> None:
    """Raise a ``UserError`` if ``--launcher`` does not say how this process was started."""
    if launcher == 'none':
        if _number('WORLD_SIZE') > 1:
            _refuse('WORLD_SIZE', 'pytorch')
        # In a step of srun; a batch script is one process, whatever it asked for.
        if _number('SLURM_NTASKS') > 1 and 'SLURM_STEP_ID' in os.environ:
            _refuse('SLURM_NTASKS', 'slurm')
        return
    missing = [name for name in _NEEDED[launcher] if name not in os.environ]
    if missing:
        raise UserError(
            f'--launcher {launcher} finds no {", ".join(missing)} in the environment: start it '
            f'with {_STARTERS[launcher]}, or leave out --launcher for one process.'
        )


def is_first_process(launcher: str) -> bool:
    """Whether this is the process of rank 0, also before the processes know of each other."""
    return launcher == 'none' or os.environ[_RANK[launcher]] == '0'


def start_processes(launcher: str) -> None:
    """Let the processes of a tool that is not run by mmengine's ``Runner`` know of each other."""
    check_launcher(launcher)
    if launcher == 'none' or torch.distributed.is_initialized():
        return
    if torch.cuda.is_available():
        init_dist(launcher)
    elif launcher == 'pytorch':
        # mmengine takes it for granted that each process has a GPU.
        torch.distributed.init_process_group('gloo')
    else:
        raise UserError(f'--launcher {launcher} needs a GPU: without one use torchrun and pytorch.')


def _number(name: str) -> int:
    text = os.environ.get(name, '')
    return int(text) if text.isdigit() else 0


def _refuse(name: str, launcher: str) -> None:
    raise UserError(
        f'this is one of {os.environ[name]} processes ({name}), and without --launcher each would '
        f'work alone in the same folder: add --launcher {launcher}.'
    )
