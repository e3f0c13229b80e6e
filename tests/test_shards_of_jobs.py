import pytest
import torch.distributed as dist

from depthda.errors import UserError
from depthda.processes import Shard, joined


def test_shards_are_disjoint_and_complete():
    items = list(range(11))
    parts = [Shard(rank, 3).part(items) for rank in range(3)]
    assert sorted(sum(parts, [])) == items and max(map(len, parts)) - min(map(len, parts)) == 1


def test_a_single_process_does_not_wait():
    with joined('none') as shard:
        shard.wait()
        assert shard.part([1, 2]) == [1, 2]


def test_the_end_of_another_process_is_a_user_error(monkeypatch):
    def closed():
        raise RuntimeError('Connection closed by peer')

    monkeypatch.setattr(dist, 'barrier', closed)
    with pytest.raises(UserError, match='another process of this run has stopped'):
        Shard(1, 2).wait()
