"""Equal images are found in any two splits, not only in training and test."""

from depthda.datasets.checks.inspection import SampleFacts
from depthda.datasets.checks.verdict import find_copies


def samples(**digests):
    return [
        SampleFacts(f'/{name}.png', '', (8, 8), digest=digest.encode())
        for name, digest in digests.items()
    ]


def test_copies_in_validation_and_test_are_found():
    splits = dict(val=samples(c='2', d='3'), test=samples(a='1', b='2'), train=samples(e='3'))
    assert [str(finding) for finding in find_copies(splits)] == [
        '✗ val: 1 copy of training images among 2 images (/d.png = /e.png): remove them from one '
        'of the two splits',
        '✗ test: 1 copy of val images among 2 images (/b.png = /c.png): remove them from one of '
        'the two splits',
    ]


def test_one_file_in_two_splits_is_not_reported_as_a_copy():
    assert find_copies(dict(val=samples(a='1'), test=samples(a='1'))) == []
