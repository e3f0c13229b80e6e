from html.parser import HTMLParser

import pytest

from depthda.experiments.page.html import join, number, swatch, tag


def test_text_and_attributes_are_escaped_and_markup_is_not_escaped_twice():
    evil = '"><script>alert(1)</script>'
    text = tag('p', evil, tag('b', evil), title=evil)
    seen = []

    class Reader(HTMLParser):
        def handle_starttag(self, name, attributes):
            seen.append((name, dict(attributes)))

        def handle_data(self, data):
            seen.append(data)

    Reader().feed(text)
    assert seen == [('p', {'title': evil}), evil, ('b', {}), evil]


def test_none_and_false_leave_out_and_true_is_a_bare_attribute():
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
def test_figures(value, options, text):
    assert number(value, **options) == text


def test_a_colour_cannot_carry_anything_else():
    with pytest.raises(ValueError):
        swatch(['1);background:url(x', 0, 0])
