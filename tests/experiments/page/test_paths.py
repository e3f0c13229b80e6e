import pytest

from depthda.experiments.page.paths import with_relative_paths


@pytest.mark.parametrize(
    'markup, found',
    [
        ('<code>/home/me/work/run</code>', '<code>run</code>'),
        ('<code>/home/me/data/x.png</code>', '<code>../data/x.png</code>'),
        (
            '--out=/home/me/work/a/b --x &#x27;/home/me/d e&#x27;',
            '--out=a/b --x &#x27;../d e&#x27;',
        ),
        ('no folder /scratch/set.', 'no folder ../../../scratch/set.'),
        ('<img src="data:image/jpeg;base64,/9j/4AAQ/home/me">', None),
        ('../data/x a/b and/or http://127.0.0.1/x/y <br></p>', None),
    ],
)
def test_absolute_paths_become_relative_to_the_page(markup, found):
    assert with_relative_paths(markup, '/home/me/work') == (found or markup)
