import pytest

from depthda.errors import count


@pytest.mark.parametrize(
    'number, noun, text',
    [
        (1, 'run', '1 run'),
        (0, 'run', '0 runs'),
        (1024, 'seed', '1,024 seeds'),
        (1, 'class', '1 class'),
        (7, 'class', '7 classes'),
        (2, 'batch', '2 batches'),
    ],
)
def test_a_noun_agrees_with_its_number(number, noun, text):
    assert count(number, noun) == text
