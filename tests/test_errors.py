import pytest

from depthda.errors import many


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
