"""A method solves the toy pair, and three methods change nothing if their own weight is 0.

All methods on three seeds: docs/tables/toy-pair.md.
"""

import pytest
import toy_pair


def test_the_last_weights_are_better_than_source_only():
    assert toy_pair.run('DAFormer', seed=4) >= toy_pair.run(None, seed=4) + 3


@pytest.mark.parametrize('method', ['DAFormer', 'CBST', 'after MUCSS'])
def test_with_a_weight_of_0_a_method_equals_source_only(method, monkeypatch):
    monkeypatch.setattr(toy_pair, 'ITERATIONS', 30)
    monkeypatch.setattr(toy_pair, 'WARM_UP', 0)
    run = toy_pair.run.__wrapped__  # without the cached results of longer runs
    plain = run(None, seed=4)
    assert run(method, seed=4, weight=0) == plain != run(method, seed=4)
