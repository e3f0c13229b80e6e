"""HTML by functions: whatever is not markup is escaped."""

import math
from html import escape

DASH = '–'


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def tag(name: str, *children: object, **attributes: object) -> Markup:
    """``<name attributes>children</name>``; None leaves a child or an attribute out.

    A trailing underscore frees Python's own words (``class_``), other underscores become hyphens.
    True writes an attribute without a value.
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
    """The children one after another; lists are opened, None is left out."""
    out = []
    for child in children:
        if isinstance(child, (list, tuple)):
            out.append(join(*child))
        elif child is not None:
            out.append(child if isinstance(child, Markup) else escape(str(child)))
    return Markup(''.join(out))


def section(title: str, anchor: str, *children: object) -> Markup:
    """A part of the page with its heading."""
    heading = tag('h2', title, id=f'{anchor}-title')
    return tag('section', heading, *children, id=anchor, aria_labelledby=f'{anchor}-title')


def switch(label: str, panels: list[tuple[str, Markup]]) -> Markup:
    """Panels of which the script shows one at a time; without it all stand below each other."""
    if len(panels) == 1:
        return panels[0][1]
    return tag(
        'div',
        [tag('div', body, class_='panel', data_name=name) for name, body in panels],
        class_='switch',
        data_label=label,
    )


def scroll(label: str, *children: object) -> Markup:
    """A box that scrolls sideways if its table is wider than the page; reached by keyboard too."""
    return tag('div', *children, class_='scroll', tabindex='0', role='region', aria_label=label)


def note(*children: object) -> Markup:
    """A sentence on what is missing or what to mind."""
    return tag('p', *children, class_='note')


def number(value: float | None, digits: int = 2, sign: bool = False) -> str:
    """A figure as it is read, an en dash where there is none."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f'{value:+.{digits}f}' if sign else f'{value:.{digits}f}'
    if float(text) == 0:
        text = text.lstrip('+-')
    return text.replace('-', '\u2212')


def swatch(colour: list[int]) -> Markup:
    """A small square of a class's colour."""
    red, green, blue = (int(v) for v in colour)
    return tag('span', class_='swatch', style=f'background:rgb({red},{green},{blue})')
