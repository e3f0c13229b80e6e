"""Training curves as inline SVG; the script of the page shows values on hover."""

import json
import math
from collections.abc import Sequence
from itertools import groupby

from depthda.experiments.page import html
from depthda.experiments.page.html import Markup, Section, join, number, tag
from depthda.experiments.page.runs import name_dataset
from depthda.experiments.tested_run import TestedRun

WIDTH, HEIGHT = 560, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 12, 34
MAX_POINTS = 1000  # more points would not be visible at this width
Curve = list[tuple[int, float]]


def curve_section(runs: Sequence[TestedRun]) -> Section:
    """Return charts of loss and of validation mIoU over the training steps, each with all runs."""
    charts, sentences = [], []
    for name, title in (('loss', 'Training loss'), ('mIoU', _validation_title(runs))):
        curves = [run.curves.get(name, []) for run in runs]
        missing = [run.name for run, curve in zip(runs, curves, strict=True) if not curve]
        if len(missing) < len(runs):
            charts.append(_figure(title, [run.name for run in runs], curves))
        if missing:
            quantity = f'{title[0].lower()}{title[1:]}'
            sentences.append(f'No {quantity} is logged for {", ".join(missing)}.')
    body = tag('div', charts, class_='charts') if charts else None
    hint = ' The page reads the training log */vis_data/scalars.json in the folder of the run.'
    notes = html.note(*sentences, hint) if sentences else None
    return html.section('Training curves', 'curves', body, notes)


def _validation_title(runs: Sequence[TestedRun]) -> str:
    keys = ('type', 'data_root', 'domain', 'split', 'holdout')
    loaders = [run.training and run.training.get('val_dataloader') for run in runs]
    datasets = [loader.dataset for loader in loaders if loader]
    described = [{key: dataset[key] for key in keys if dataset.get(key)} for dataset in datasets]
    names = set(map(name_dataset, described))
    return f'Validation mIoU, {names.pop()}' if len(names) == 1 else 'Validation mIoU'


def _figure(title: str, names: Sequence[str], curves: Sequence[Curve]) -> Markup:
    strides = [max(math.ceil(len(curve) / MAX_POINTS), 1) for curve in curves]
    shown = [[*c[:-1:stride], *c[-1:]] for c, stride in zip(curves, strides, strict=True)]
    finite = [point for curve in shown for point in curve if math.isfinite(point[1])]
    if not finite:
        return tag('figure', tag('figcaption', title), html.note('No value is a finite number.'))
    steps, values = zip(*finite, strict=True)
    xs = ticks(0, max(steps), 6)
    ys = ticks(min(values), max(values), 5)
    x_range, y_range = (0, max(steps) or 1), (ys[0], ys[-1])
    drawn = [_series(i, curve, x_range, y_range) for i, curve in enumerate(shown) if curve]
    words, legend = [], []
    for i, (name, curve) in enumerate(zip(names, curves, strict=True)):
        if curve:
            first, last = number(curve[0][1]), number(curve[-1][1])
            words.append(f'{name} from {first} to {last} at step {curve[-1][0]}')
            value = tag('span', f' last {last}', class_='quiet')
            legend.append(tag('li', html.key_mark(i), name, value))
    chart = tag(
        'svg',
        _axes(xs, ys, x_range, y_range),
        drawn,
        tag('text', 'step', x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT - 2, class_='axis mid'),
        viewBox=f'0 0 {WIDTH} {HEIGHT}',
        role='img',
        aria_label=f'{title} over steps: {"; ".join(words)}',
        data_frame=json.dumps([LEFT, WIDTH - RIGHT, TOP, HEIGHT - BOTTOM, *x_range, *y_range]),
    )
    box = tag('div', chart, class_='chart', data_names=json.dumps(list(names)))
    return tag('figure', tag('figcaption', title), box, tag('ul', legend, class_='legend'))


def _series(index: int, curve: Curve, x_range: Sequence, y_range: Sequence) -> Markup:
    """Draw the line of a run, with gaps where values are not finite.

    Dots mark the points of a short curve, and a single point between two gaps.
    """
    lines, dots = [], []
    few = sum(math.isfinite(value) for _, value in curve) <= 12
    for finite, part in groupby(curve, lambda point: math.isfinite(point[1])):
        if finite:
            points = [(f'{_x(s, x_range):.1f}', f'{_y(v, y_range):.1f}') for s, v in part]
            if len(points) > 1:
                lines.append(tag('polyline', points=' '.join(map(','.join, points)), class_='line'))
            dots += points if few or len(points) == 1 else []
    marks = [tag('circle', cx=x, cy=y, r=3, class_='dot') for x, y in dots]
    values = json.dumps([[s, round(v, 5) if math.isfinite(v) else None] for s, v in curve])
    data = dict(data_index=index, data_points=values)
    return tag('g', lines, marks, class_=f'series {html.colour(index)}', **data)


def _axes(xs: list[float], ys: list[float], x_range: Sequence, y_range: Sequence) -> Markup:
    out = []
    for value in ys:
        y = f'{_y(value, y_range):.1f}'
        out.append(tag('line', x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_='grid'))
        out.append(tag('text', f'{value:g}', x=LEFT - 6, y=y, dy='.32em', class_='axis end'))
    for value in (value for value in xs if value <= x_range[1]):
        x = f'{_x(value, x_range):.1f}'
        out.append(tag('text', f'{value:g}', x=x, y=HEIGHT - BOTTOM + 15, class_='axis mid'))
    return join(out)


def ticks(low: float, high: float, count: int) -> list[float]:
    """Return about ``count`` round values that enclose ``low`` and ``high``."""
    if high <= low:
        low, high = low - max(abs(low) * 0.05, 0.5), high + max(abs(high) * 0.05, 0.5)
    raw = (high - low) / count
    power = 10 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 10) for i in range(first, last + 1)]


def _x(step: float, limits: Sequence) -> float:
    return LEFT + (step - limits[0]) / (limits[1] - limits[0]) * (WIDTH - RIGHT - LEFT)


def _y(value: float, limits: Sequence) -> float:
    return HEIGHT - BOTTOM - (value - limits[0]) / (limits[1] - limits[0]) * (HEIGHT - BOTTOM - TOP)
