"""Paths on the page: relative, so that it tells nothing about the machine it was made on."""

import os
import re

from depthda.experiments.page.html import Markup

# Pictures are data URIs, which hold slashes too: they are matched first and kept.
_ABSOLUTE = re.compile(r"""data:[^"\s]*|(?<![\w/.<])/(?:[^\s/<>"'&;:,()=]+/)+[^\s<>"'&;,()]*""")


def with_relative_paths(markup: str, folder: str | os.PathLike) -> Markup:
    """Rewrite absolute paths in text and attributes as seen from ``folder``.

    With the folder in which the page is made, the commands on it work there.
    """

    def rewrite(found: re.Match) -> str:
        path = found[0]
        return path if path.startswith('data:') else os.path.relpath(path, folder)

    return Markup(_ABSOLUTE.sub(rewrite, markup))
