from contextlib import nullcontext
from unittest.mock import Mock

import pytest
import torch.distributed as dist

from depthda.errors import UserError
from depthda.processes import Shard, check_launcher, joined


@pytest.fixture(autouse=True)
def bare(monkeypatch):
    for name in ('WORLD_SIZE', 'RANK', 'SLURM_NTASKS', 'SLURM_STEP_ID', 'MASTER_ADDR'):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    'environment, launcher, fault',
    [
        ({'WORLD_SIZE': '4', 'RANK': '1'}, 'none', 'add --launcher pytorch'),
        ({'SLURM_NTASKS': '2', 'SLURM_STEP_ID': '0'}, 'none', 'add --launcher slurm'),
        # One process needs none.
        ({}, 'none', None),
        ({'WORLD_SIZE': '1', 'RANK': '0'}, 'none', None),
        ({'SLURM_NTASKS': '8', 'SLURM_PROCID': '0'}, 'none', None),
        ({'SLURM_STEP_ID': '0'}, 'none', None),
        # A launcher without its environment.
        ({'WORLD_SIZE': '2'}, 'pytorch', 'needs RANK.*start the command with torchrun'),
        ({'WORLD_SIZE': '2'}, 'slurm', 'SLURM_PROCID.*srun'),
    ],
)
def test_the_launcher_has_to_be_that_of_the_environment(monkeypatch, environment, launcher, fault):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match=fault) if fault else nullcontext():
        check_launcher(launcher)


def test_parts_are_disjoint_and_complete_and_a_lost_process_is_reported(monkeypatch):
    items = list(range(11))
    parts = [Shard(rank, 3).part(items) for rank in range(3)]
    assert sorted(sum(parts, [])) == items and max(map(len, parts)) - min(map(len, parts)) == 1
    with joined('none') as shard:  # one process does not wait
        shard.wait()
        assert shard.part([1, 2]) == [1, 2]
    monkeypatch.setattr(
        dist, 'barrier', Mock(side_effect=RuntimeError('Connection closed by peer'))
    )
    with pytest.raises(UserError, match='another process of this run has stopped'):
        Shard(1, 2).wait()
