import math

import pytest

from depthda.errors import UserError, check_count, check_range, many


@pytest.mark.parametrize(
    'words, text',
    [
        ((1, 'run'), '1 run'),
        ((0, 'run'), '0 runs'),
        ((1024, 'seed'), '1,024 seeds'),
        ((1, 'class', 'classes'), '1 class'),
        ((7, 'class', 'classes'), '7 classes'),
    ],
)
def test_a_noun_agrees_with_its_number(words, text):
    assert many(*words) == text


@pytest.mark.parametrize('span', [(3, 3), (4, 3), (0, math.inf), (math.nan, 1)])
def test_a_number_below_one_and_a_range_without_values_or_without_an_end_are_refused(span):
    check_count('--workers', 1)
    with pytest.raises(UserError, match='^--workers 0: use 1 or more$'):
        check_count('--workers', 0)
    check_range('--range', None)
    check_range('--range', (-1, 0.5))
    with pytest.raises(UserError, match=f'^--range {span[0]} {span[1]} is not a range: use LOW'):
        check_range('--range', span)
