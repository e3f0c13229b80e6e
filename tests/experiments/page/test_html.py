from html.parser import HTMLParser

import pytest

from depthda.experiments.page.html import join, number, swatch, tag, with_relative_paths


def test_text_and_attributes_are_escaped_and_markup_is_not_escaped_twice():
    evil = '"><script>alert(1)</script>'
    text = tag('p', evil, tag('b', evil), title=evil)
    events = []

    class Reader(HTMLParser):
        def handle_starttag(self, name, attributes):
            events.append((name, dict(attributes)))

        def handle_data(self, data):
            events.append(data)

    Reader().feed(text)
    assert events == [('p', {'title': evil}), evil, ('b', {}), evil]


def test_none_and_false_are_left_out_and_true_is_a_bare_attribute():
    assert tag('td', None, class_=None, hidden=False) == '<td></td>'
    assert tag('input', checked=True, aria_label='x') == '<input checked aria-label="x">'
    assert join('a', ['<', None, tag('b')], 3) == 'a&lt;<b></b>3'


@pytest.mark.parametrize(
    'value, options, text',
    [
        (47.126, {}, '47.13'),
        (None, {}, '–'),
        (float('nan'), {}, '–'),
        (float('inf'), {}, '–'),
        (-1.5, dict(sign=True), '−1.50'),
        (1.5, dict(sign=True), '+1.50'),
        (-0.001, dict(sign=True), '0.00'),
        (12.34, dict(digits=1), '12.3'),
    ],
)
def test_numbers(value, options, text):
    assert number(value, **options) == text


def test_a_colour_cannot_contain_other_css():
    with pytest.raises(ValueError):
        swatch(['1);background:url(x', 0, 0])


@pytest.mark.parametrize(
    'markup, expected',
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
def test_absolute_paths_become_relative_to_the_page(markup, expected):
    assert with_relative_paths(markup, '/home/me/work') == (expected or markup)
