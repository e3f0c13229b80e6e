"""Put the page together: one HTML file that needs nothing but a browser."""

import shlex
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import NamedTuple

from depthda.errors import UserError
from depthda.experiments.page.curves import curve_section
from depthda.experiments.page.gallery import gallery_section
from depthda.experiments.page.head import basis_section, head, selection_section
from depthda.experiments.page.html import Markup, Section, join, tag, with_relative_paths
from depthda.experiments.page.images import RunImages
from depthda.experiments.page.priors import prior_section
from depthda.experiments.page.runs import open_runs
from depthda.experiments.page.scores import confusion_section, score_section
from depthda.experiments.tested_run import TestedRun
from depthda.io.files import atomic_path, check_not_replaced
from depthda.version import __version__

HEAVY = 30_000_000  # bytes; most mail servers refuse more


class Page(NamedTuple):
    path: Path
    size: int  # in bytes
    missing: list[str]  # a sentence for each thing that the page could not show


def make_page(
    folders: Sequence[str | Path],
    out: str | Path = 'report.html',
    names: Sequence[str] | None = None,
    title: str | None = None,
    tiles: int = 4,
    command: Sequence[str] | None = None,
) -> Page:
    """Write the page of a run, or of several runs that were tested on the same images.

    The arguments are the options of ``depthda report``. The foot of the page shows ``command``, the
    command that made it.
    """
    if tiles < 0:
        raise UserError(f'--tiles {tiles}: use 0 (no gallery of tiles) or more.')
    check_not_replaced(out, 'Made by depthda', 'a report page')
    if Path(out).suffix.lower() not in ('.html', '.htm'):
        raise UserError(f'--out {out}: the page is HTML, so use a name that ends with .html.')
    runs = open_runs(folders, names)
    images = RunImages(runs[0])
    palette = None
    # If the data has moved, the gallery reports it, and the tables have no swatches.
    with suppress(UserError):
        palette = images.palette
    title = title or ' · '.join(run.name for run in runs)
    sections = [basis_section(runs), score_section(runs, palette), confusion_section(runs)]
    priors, missing = prior_section(runs, palette)
    sections += [curve_section(runs), selection_section(runs), priors]
    if tiles:
        gallery, not_shown = gallery_section(runs, images, tiles)
        sections.append(gallery)
        missing += not_shown
    text = fill(title, head(title, runs), sections, foot(command, runs))
    with atomic_path(out) as temporary:
        temporary.write_text(text, encoding='utf-8')
    return Page(Path(out), len(text.encode()), missing)


def fill(title: str, top: Markup, sections: Sequence[Section], end: Markup) -> str:
    package = files(__package__)
    links = [tag('li', tag('a', name, href=f'#{anchor}')) for name, anchor, _ in sections]
    parts = {'head': top, 'body': join([part for *_, part in sections]), 'foot': end}
    return Template((package / 'page.html').read_text(encoding='utf-8')).substitute(
        {name: with_relative_paths(part, Path.cwd()) for name, part in parts.items()},
        title=join(title),
        style=(package / 'page.css').read_text(encoding='utf-8'),
        script=(package / 'page.js').read_text(encoding='utf-8'),
        contents=tag('nav', tag('ul', links), aria_label='Contents'),
    )


def foot(command: Sequence[str] | None, runs: Sequence[TestedRun]) -> Markup:
    """Return the foot, which says when, how and from which folders the page was made."""
    made = f'Made by depthda {__version__} on {datetime.now():%Y-%m-%d %H:%M}'
    how = join(' with ', tag('code', shlex.join(command))) if command else None
    static = (
        'The page is self-contained and never uses the network. '
        'Its paths are relative to the folder in which it was made.'
    )
    folders = [tag('li', f'{run.name}: ', tag('code', run.folder)) for run in runs]
    return tag('footer', tag('p', made, how, '. ', static), tag('ul', folders))
