"""A method solves the toy pair; methods of two kinds add nothing with their own weight at 0.

All methods on three seeds: docs/tables/toy-pair.md.
"""

import pytest
import toy_pair


def test_the_last_weights_beat_source_only():
    assert toy_pair.run('DAFormer', seed=4) >= toy_pair.run(None, seed=4) + 3


@pytest.mark.parametrize('method', ['DAFormer', 'CBST'])
def test_with_a_weight_of_0_it_is_source_only(method, monkeypatch):
    monkeypatch.setattr(toy_pair, 'ITERATIONS', 30)
    monkeypatch.setattr(toy_pair, 'WARM_UP', 0)
    run = toy_pair.run.__wrapped__  # without what longer runs have returned
    plain = run(None, seed=4)
    assert run(method, seed=4, weight=0) == plain != run(method, seed=4)
