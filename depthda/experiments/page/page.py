"""The page put together: one HTML file that needs nothing but a browser."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from importlib.resources import files
from pathlib import Path
from string import Template

from rich.console import Console

from depthda.errors import UserError
from depthda.experiments.page.confusion import confusion_section
from depthda.experiments.page.curves import curve_section
from depthda.experiments.page.gallery import gallery_section
from depthda.experiments.page.head import basis_section, head
from depthda.experiments.page.html import Markup, join, tag
from depthda.experiments.page.images import RunImages
from depthda.experiments.page.paths import with_relative_paths
from depthda.experiments.page.priors import prior_section
from depthda.experiments.page.runs import Run, open_runs
from depthda.experiments.page.scores import score_section
from depthda.experiments.page.selection import selection_section
from depthda.io.files import atomic_path, check_not_replaced
from depthda.version import __version__

HEAVY = 30_000_000  # bytes: what most mail servers refuse
_PARTS = {
    'basis': 'What the figures rest on',
    'scores': 'Scores per class',
    'confusion': 'Confusion matrix',
    'curves': 'Training curves',
    'selection': 'Selection',
    'priors': 'Class distribution',
    'tiles': 'Tiles',
}


@dataclass
class Page:
    """What was written, and in one sentence each what could not be shown."""

    path: Path
    size: int
    missing: list[str] = field(default_factory=list)


def make_page(
    folders: Sequence[str | Path],
    out: str | Path = 'report.html',
    names: Sequence[str] | None = None,
    title: str | None = None,
    tiles: int = 4,
    command: Sequence[str] | None = None,
    console: Console | None = None,
) -> Page:
    """Write the page of a run, or of several that were tested on the same images.

    Args:
        folders: Run folders with ``metrics.json``, or folders of such.
        out: The HTML file.
        names: What the runs are called on the page, one for each.
        title: The heading of the page.
        tiles: How many tiles under each heading of the gallery.
        command: The command that made the page, for its foot.
        console: Where progress is shown.
    """
    if tiles < 0:
        raise UserError(f'--tiles {tiles}: give 0 (no gallery of tiles) or more.')
    check_not_replaced(out, 'Made by depthda', 'a report page')
    console = console or Console(stderr=True)
    runs = open_runs(folders, names)
    for run in runs:
        _ = run.metrics, run.report  # a run without scores is told before any work
    images = RunImages(runs[0])
    palette = _palette(images)
    title = title or ' · '.join(run.name for run in runs)
    priors, missing = prior_section(runs, palette, console)
    body = [
        basis_section(runs),
        score_section(runs, palette),
        confusion_section(runs),
        curve_section(runs),
        selection_section(runs),
        priors,
    ]
    parts = dict(_PARTS)
    if tiles:
        gallery, unseen = gallery_section(runs, images, tiles, console)
        body.append(gallery)
        missing += unseen
    else:
        del parts['tiles']
    top, *body, foot = (
        with_relative_paths(part, Path.cwd())
        for part in (head(title, runs), *body, _foot(command, runs))
    )
    text = _fill(title, top, parts, body, foot)
    with atomic_path(out) as beside:
        beside.write_text(text, encoding='utf-8')
    return Page(Path(out), len(text.encode()), missing)


def _palette(images: RunImages) -> list[list[int]] | None:
    """The classes' colours, for which the data must be there."""
    try:
        return images.palette
    except UserError:
        # The gallery says in the page what is amiss; tables do without swatches.
        return None


def _fill(
    title: str, top: Markup, parts: dict[str, str], body: Sequence[Markup], foot: Markup
) -> str:
    here = files(__package__)
    links = [tag('li', tag('a', name, href=f'#{anchor}')) for anchor, name in parts.items()]
    return Template((here / 'page.html').read_text(encoding='utf-8')).substitute(
        title=join(title),
        style=(here / 'page.css').read_text(encoding='utf-8'),
        script=(here / 'page.js').read_text(encoding='utf-8'),
        head=top,
        contents=tag('nav', tag('ul', links), aria_label='Contents'),
        body=join(*body),
        foot=foot,
    )


def _foot(command: Sequence[str] | None, runs: Sequence[Run]) -> Markup:
    made = f'Made by depthda {__version__} on {datetime.now():%Y-%m-%d %H:%M}'
    how = join(' with ', tag('code', shlex.join(command))) if command else None
    static = (
        'The page is static: it holds all it shows and asks no network for anything. '
        'Paths are relative to the folder in which it was made.'
    )
    where = [tag('li', f'{run.name}: ', tag('code', run.folder)) for run in runs]
    return tag('footer', tag('p', made, how, '. ', static), tag('ul', where))
