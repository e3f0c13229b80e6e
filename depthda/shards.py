"""The part of a list of jobs that is this process's, of several that torchrun started."""

import datetime
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist

from depthda.errors import UserError

Item = TypeVar('Item')
# The last process of a long run may be hours behind the first.
_PATIENCE = datetime.timedelta(days=7)


@dataclass(frozen=True)
class Shard:
    """Every ``size``-th item, from ``rank`` on."""

    rank: int = 0
    size: int = 1

    def part(self, items: Sequence[Item]) -> Sequence[Item]:
        return items[self.rank :: self.size]

    def wait(self) -> None:
        """Until all processes are here."""
        if self.size == 1:
            return
        try:
            dist.barrier()
        except RuntimeError as error:
            # What gloo raises when a process is gone.
            raise UserError(
                'another process of this run has stopped: its message says why.'
            ) from error


@contextmanager
def joined(launcher: str) -> Iterator[Shard]:
    """Join the processes of ``torchrun`` (``launcher='pytorch'``), each with a GPU of its own."""
    if launcher == 'none':
        yield Shard()
        return
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ['LOCAL_RANK']) % torch.cuda.device_count())
    # Nothing but waiting for each other goes through it.
    dist.init_process_group('gloo', timeout=_PATIENCE)
    try:
        yield Shard(dist.get_rank(), dist.get_world_size())
    finally:
        dist.destroy_process_group()
