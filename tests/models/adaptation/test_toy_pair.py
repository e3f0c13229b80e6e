"""Methods of two kinds must solve the toy pair, and must not with their own weight at 0.

All methods on three seeds: docs/tables/toy-pair.md.
"""

import pytest
from toy_pair import run


@pytest.mark.parametrize('method', ['DAFormer', 'CBST'])
def test_the_last_weights_beat_source_only_by_what_the_method_adds(method):
    plain = run(None, seed=4)
    assert run(method, seed=4) >= plain + 3
    assert run(method, seed=4, weight=0) <= plain + 2
