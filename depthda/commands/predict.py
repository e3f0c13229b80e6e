"""Predict land-cover maps of scenes with a trained model.

MODEL is a checkpoint that depthda train wrote, with its config, its classes and their colours.
SCENES are GeoTIFFs or other images of any size, or folders of them. A map is a Cloud-Optimized
GeoTIFF with the place of its scene, colours, class names and a table of areas (.aux.xml); no-data
stays no-data. Memory depends on the width of a scene, not on its height. To continue a run that was
stopped, run the same command again.
"""

from argparse import ArgumentParser, Namespace
from functools import partial
from pathlib import Path

from depthda.cli import TupleAction, add_launcher, add_range, picked
from depthda.errors import UserError, many

EXAMPLES = (
    '%(prog)s work_dirs/run/iter_40000.pth scene.tif --out map.tif '
    '--depth-model depth-anything/Depth-Anything-V2-Small-hf',
    '%(prog)s work_dirs/run/iter_40000.pth scenes/ --out maps/ --confidence --stats',
)


def add_arguments(parser: ArgumentParser) -> None:
    add = parser.add_argument
    text = 'checkpoint (.pth), program (.pt2), folder of a bundle, or hub id of one'
    add('model', metavar='MODEL', help=text)
    add('scenes', nargs='+', metavar='SCENES', help='images, or folders of images')
    add('--out', required=True, metavar='MAP', help='map (.tif); for several scenes, a folder')
    add('--config', help='config of the model (default: the one in the checkpoint)')
    depth = parser.add_argument_group('depth, for models that read it (use one of the two)')
    text = 'depth map (16-bit PNG) or heights (TIFF) on the grid of the scene; for several scenes, '
    depth.add_argument('--depth', metavar='FILE', help=f'{text}a folder of files named like them')
    text = 'hub id or folder of a Depth Anything model, which estimates relative depth first'
    depth.add_argument('--depth-model', metavar='MODEL', help=text)
    text = 'heights that become 0 and 1 (default: the lowest and highest)'
    add_range(depth, '--depth-range', text)
    _add_image_arguments(parser.add_argument_group('the image'))
    _add_outputs(parser.add_argument_group('outputs in addition to the map'))
    _add_network_arguments(parser.add_argument_group('the network'))


def _add_image_arguments(group) -> None:
    text = 'bands to use, counted from 1, red, green and blue first'
    group.add_argument('--bands', nargs='+', type=int, action=TupleAction, metavar='B', help=text)
    add_range(group, '--stretch', 'values that become 0 and 255, if images do not have 8 bits')
    text = "pixel size to predict at, in metres, as in the training images (default: the scene's)"
    group.add_argument('--gsd', type=float, metavar='M', help=text)
    text = 'polygons (.gpkg, .geojson) of the area to predict'
    group.add_argument('--aoi', type=Path, metavar='FILE', help=text)
    text = 'what to do if one of several scenes cannot be predicted'
    group.add_argument('--on-error', choices=['stop', 'skip'], default='stop', help=text)


def _add_outputs(group) -> None:
    add = group.add_argument
    add('--confidence', action='store_true', help='write the highest probability of each pixel')
    add('--probabilities', action='store_true', help='write the probability of each class')
    add('--stats', action='store_true', help='print the pixels and hectares of each class')
    add('--vector', action='store_true', help='write polygons with class and area as a GeoPackage')
    add('--geojson', action='store_true', help='write the polygons in longitude and latitude')
    text = 'leave out polygons smaller than this, in square metres (in pixels without a CRS)'
    add('--min-area', type=float, default=0.0, metavar='M2', help=text)
    text = 'simplify polygons: their edges may move by up to this many pixels'
    add('--simplify', type=float, default=0.0, metavar='PX', help=text)
    text = 'write a picture (.png) with a legend and a scale bar'
    add('--preview', action='store_true', help=text)
    add('--stac', action='store_true', help='write STAC items (.json) of the map and its model')
    text = 'date of the scene for --stac, such as 2021-06-03, 2021-06-03T10:15:00Z or '
    add('--datetime', metavar='WHEN', help=f"{text}FROM/TO (default: the scene's tags)")
    text = 'label map on the grid of the scene (class indices), with which the map is scored'
    add('--reference', type=Path, metavar='FILE', help=text)


def _add_network_arguments(group) -> None:
    add = group.add_argument
    add('--window', type=int, metavar='PX', help="side of a window (default: the model's)")
    text = 'pixels that neighbouring windows share (default: half a window)'
    add('--overlap', type=int, metavar='PX', help=text)
    text = 'number of windows in each pass of the network'
    add('--batch', type=int, default=4, metavar='N', help=text)
    text = 'average over mirror images (flips), or over mirror images and quarter turns (d4)'
    add('--tta', choices=['flips', 'd4'], help=text)
    add('--amp', action='store_true', help='compute in bfloat16 where it is safe')
    add('--device', help='cpu, cuda, cuda:1, … (default: cuda if available)')
    text = 'use pytorch if torchrun starts the command; the processes share the scenes'
    add_launcher(group, ['none', 'pytorch'], text)


def run(args: Namespace) -> int:
    from depthda.console import quiet_console
    from depthda.inference.dates import read_span
    from depthda.inference.model import load_model
    from depthda.inference.scenes import predict_scenes
    from depthda.processes import check_launcher, choose_device, joined

    if args.depth and args.depth_model:
        raise UserError('--depth and --depth-model exclude each other: leave out one of the two.')
    check_launcher(args.launcher)
    if args.datetime:
        read_span(args.datetime)  # a mistake is noticed before the first map
    written = {'.gpkg': args.vector, '.geojson': args.geojson, '.png': args.preview}
    written |= {'.json': args.stac, '_model.json': args.stac}
    endings = [end for end, is_written in written.items() if is_written]
    inputs = [path for path in (args.aoi, args.reference) if path]
    with quiet_console(), joined(args.launcher) as shard:
        model = load_model(args.model, args.config, choose_device(args.device))
        options = _options(args, model)
        results, failed = predict_scenes(
            model, args.scenes, args.out, options, args.depth, args.depth_model, args.on_error,
            shard, partial(_report, args, model, options), endings, inputs,
        )  # fmt: skip
    if len(results) + failed > 1:
        print(f'{many(len(results), "map")} written, {many(failed, "scene")} skipped')
    return 1 if failed else 0


def _report(args: Namespace, model, options, result) -> None:
    if args.stats:
        print(_table(result))
    files = [*result.files, *_write_extras(args, model, result)]
    if args.stac:
        files += _items(args, model, options, result, files)
    print(*files, sep='\n', flush=True)


def _options(args: Namespace, model):
    from depthda.inference.map_options import MapOptions
    from depthda.inference.predict_scene import Settings

    window = min(model.window) if args.window is None else args.window
    overlap = window // 2 if args.overlap is None else args.overlap
    settings = Settings(window, overlap, args.batch, args.amp, args.tta)
    named = picked(args, 'bands', 'stretch', 'gsd', 'confidence', 'probabilities')
    return MapOptions(settings, heights=args.depth_range, area=args.aoi, **named)


def _write_extras(args: Namespace, model, result) -> list[Path]:
    """Write the polygons and the preview of a finished map, and print its scores."""
    from depthda.evaluation.score_report import render
    from depthda.inference.polygons import vectorise
    from depthda.inference.reference import score_map
    from depthda.pictures.map_preview import draw_map, shares_of

    path, files = result.files[0], []
    for requested, suffix in ((args.vector, '.gpkg'), (args.geojson, '.geojson')):
        if requested:
            files.append(path.with_suffix(suffix))
            vectorise(path, files[-1], model.classes, args.min_area, args.simplify)
    if args.preview:
        files.append(path.with_suffix('.png'))
        draw_map(path, files[-1], model.classes, model.palette, shares_of(result.pixels))
    if args.reference:
        print(render(score_map(path, args.reference, list(model.classes))))
    return files


def _items(args: Namespace, model, options, result, files: list[Path]) -> list[Path]:
    """Write the STAC items of a map, which need a date."""
    from depthda.console import warn
    from depthda.inference.dates import read_span, scene_span
    from depthda.inference.stac import write_items

    doubt, span = None, args.datetime and read_span(args.datetime)
    if span is None:
        span, doubt = scene_span(result.source) or (None, None)
    if doubt:
        warn(doubt)
    if span is None:
        warn(f'{result.source} has no date, so no STAC item is written: set --datetime')
        return []
    return write_items(model, args.model, result, files, span, options)


def _table(result) -> str:
    total = sum(result.pixels.values())
    lines = [
        f'{"class":<20}{"pixels":>12}{"%":>8}' + ('' if result.hectares is None else f'{"ha":>14}')
    ]
    for name, count in result.pixels.items():
        line = f'{name:<20}{count:>12}{100 * count / total:>8.2f}'
        lines.append(line if result.hectares is None else f'{line}{result.hectares[name]:>14.4f}')
    return '\n'.join(lines)
