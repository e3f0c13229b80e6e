"""Find the licence of the weights of a depth model."""

import re
from pathlib import Path

_NONCOMMERCIAL = 'CC-BY-NC-4.0: not for commercial use'
_APACHE = 'Apache-2.0'
# According to the model cards of the publishers.
_PUBLISHED = {
    'depth-anything/depth-anything-v2-small-hf': _APACHE,
    'depth-anything/depth-anything-v2-base-hf': _NONCOMMERCIAL,
    'depth-anything/depth-anything-v2-large-hf': _NONCOMMERCIAL,
    'liheyoung/depth-anything-small-hf': _APACHE,
    'liheyoung/depth-anything-base-hf': _APACHE,
    'liheyoung/depth-anything-large-hf': _APACHE,
}


def licence_of(weights: str) -> str:
    """Return the licence of a hub id of Depth Anything, or the one in a local folder's README."""
    folder = Path(weights)
    if not folder.is_dir():
        return _PUBLISHED.get(weights.lower(), 'unknown: see its model card')
    card = folder / 'README.md'
    text = card.read_text('utf-8') if card.is_file() else ''
    # A model card begins with YAML between two lines of ---.
    front = re.match(r'---\n(.*?)\n---', text, re.DOTALL)
    licence = front and re.search(r'^license:[ \t]*(\S+)', front[1], re.MULTILINE)
    if not licence:
        return 'unknown: see the source of the weights'
    return f'{licence[1]}, as its README.md says'
