"""Build HTML with functions; text is escaped unless it is :class:`Markup`."""

import math
import os
import re
from collections.abc import Iterable, Sequence
from html import escape

DASH = '–'
# An absolute path. Data URIs of pictures contain slashes too, so they are matched first and kept.
_ABSOLUTE = re.compile(r"""data:[^"\s]*|(?<![\w/.<])/(?:[^\s/<>"'&;:,()=]+/)+[^\s<>"'&;,()]*""")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """Return ``<name attributes>children</name>``.

    Children that are None and attributes that are None or False are left out; True writes an
    attribute without a value. In names of attributes, a trailing underscore is removed
    (``class_``), and other underscores become hyphens.
    """
    parts = [name]
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip('_').replace('_', '-')
        parts.append(key if value is True else f'{key}="{escape(str(value))}"')
    opening = f'<{" ".join(parts)}>'
    if name in ('img', 'input', 'br'):
        return Markup(opening)
    return Markup(f'{opening}{join(*children)}</{name}>')


def join(*children: object) -> Markup:
    """Return the children one after another; lists are flattened, None is left out."""
    out = []
    for child in children:
        if isinstance(child, (list, tuple)):
            out.append(join(*child))
        elif child is not None:
            out.append(child if isinstance(child, Markup) else escape(str(child)))
    return Markup(''.join(out))


Section = tuple[str, str, Markup]  # title, anchor, content
TARGET_SELECTED = tag('strong', 'target-selected', class_='badge')


def section(title: str, anchor: str, *children: object) -> Section:
    heading = tag('h2', title, id=f'{anchor}-title')
    content = tag('section', heading, *children, id=anchor, aria_labelledby=f'{anchor}-title')
    return title, anchor, content


def switch(label: str, panels: list[tuple[str, Markup]]) -> Markup:
    """Return panels; the script shows one at a time. Without it, they follow one another."""
    if len(panels) == 1:
        return panels[0][1]
    shown = [tag('div', body, class_='panel', data_name=name) for name, body in panels]
    return tag('div', shown, class_='switch', data_label=label)


def table(
    label: str, heads: list, rows: list, foot: object = None, class_: str = 'numbers'
) -> Markup:
    """Return a table from its heading cells, its rows, and the rows of its foot.

    A table wider than the page scrolls sideways in its box, also by keyboard.
    """
    head = tag('thead', tag('tr', heads)) if heads else None
    body = head, tag('tbody', rows), tag('tfoot', foot) if foot else None
    box = dict(class_='scroll', tabindex='0', role='region', aria_label=label)
    return tag('div', tag('table', *body, class_=class_), **box)


def column_heads(*names: object) -> list[Markup]:
    """Return the heading cells of columns; None gives an empty cell."""
    return [tag('td') if name is None else tag('th', name, scope='col') for name in names]


def bars(widths: Iterable[tuple[int, float]]) -> Markup:
    """Return a cell with a bar for each pair of colour number and width in per cent."""
    pairs = [(f'bar {colour(index)}', f'width:{width:.1f}%') for index, width in widths]
    drawn = [tag('span', class_=class_, style=style) for class_, style in pairs]
    return tag('td', drawn, class_='bars', aria_hidden='true')


def colour(index: int) -> str:
    """Return the CSS class of the run with this index; a run has the same colour everywhere."""
    return f's{index % 6 + 1}'


def key_mark(index: int) -> Markup:
    """Return the short line that represents a run in charts and legends."""
    return tag('span', class_=f'key {colour(index)}', aria_hidden='true')


def note(*children: object) -> Markup:
    """Return a sentence about something that is missing or needs attention."""
    return tag('p', *children, class_='note')


def number(value: float | None, digits: int = 2, sign: bool = False) -> str:
    """Format a value for readers; a missing or non-finite value is an en dash."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f'{value:+.{digits}f}' if sign else f'{value:.{digits}f}'
    if float(text) == 0:
        text = text.lstrip('+-')
    return text.replace('-', '\u2212')


def swatch(rgb: Sequence[int]) -> Markup:
    """Return a small square in the colour of a class."""
    values = ','.join(str(int(value)) for value in rgb)
    return tag('span', class_='swatch', style=f'background:rgb({values})')


def with_relative_paths(markup: str, folder: str | os.PathLike) -> Markup:
    """Make absolute paths relative to ``folder``; commands on the page then work from there."""

    def rewrite(found: re.Match) -> str:
        return found[0] if found[0].startswith('data:') else os.path.relpath(found[0], folder)

    return Markup(_ABSOLUTE.sub(rewrite, markup))
