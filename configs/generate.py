"""Generate the configs that differ only in their model, dataset and schedule.

Each config consists of a header and a few `_base_` lines. They are written as files, so that users
can name a config on the command line and read it without this script:

    python configs/generate.py            # write the configs
    python configs/generate.py --check    # list those that are not up to date, and write nothing

The header of a generated file ends with MARK. To change such a file, edit and run this script.
"""

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import adaptation_leaves
import isprs_leaves
import liuzhou_leaves
import translation_leaves
from leaf_text import DIRECTIONS, MARK, Leaf, leaf, parts

ROOT = Path(__file__).parent

# What a config adds to its bases if its model reads no depth (RGB_…), or reads depth only in
# training (LEARNED_…).
RGB_LOCAL = """\
# This model reads no depth, so no depth maps need to exist.
train_dataloader = dict(dataset=dict(depth=None))
val_dataloader = dict(dataset=dict(depth=None))
test_pipeline = {{_base_.rgb_test_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
"""
RGB_SERVER = """\
# This model reads no depth, so no depth maps need to exist.
train_dataloader = dict(dataset=dict(depth=None))
test_pipeline = {{_base_.rgb_unlabelled_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_unlabelled_pipeline}}))
"""
LEARNED_LOCAL = """\
# The model learns depth in training, so a test needs no depth maps.
val_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
test_pipeline = {{_base_.rgb_test_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
"""
LEARNED_SERVER = """\
# The model learns depth in training, so a test needs no depth maps.
test_pipeline = {{_base_.rgb_unlabelled_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_unlabelled_pipeline}}))
"""
# The text to add, for each use of depth and each protocol.
LOADERS = {
    'input': {'local': '', 'server': ''},
    'none': {'local': RGB_LOCAL, 'server': RGB_SERVER},
    'learned': {'local': LEARNED_LOCAL, 'server': LEARNED_SERVER},
}
SAMPLE_HOOKS = 'default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))\n'
CAVEATS = {'local': ', which is not comparable with the local protocol', 'server': ''}
CONTRAST_ALONE = 'model = dict(decode_head=dict(_delete_=True, **_base_.model.decode_head.head))\n'
REFINEMENT_ALONE = 'model = dict(neck=dict(_delete_=True, **_base_.model.neck.fusion))\n'

# Name, title, model, schedule, use of depth (a key of LOADERS), and the papers' mIoU by direction.
LOVEDA = [
    (
        'baselines/convnext-b_upernet_1xb4', 'ConvNeXt-B + UPerNet, RGB only',
        'upernet_convnext-b', 'adamw_40k', 'none', {'u2r': 47.13, 'r2u': 44.11},
    ),
    (
        'baselines/convnext-xl_upernet_1xb4', 'ConvNeXt-XL + UPerNet, RGB only',
        'upernet_convnext-xl', 'adamw_40k', 'none', {'u2r': None, 'r2u': None},
    ),
    (
        'baselines/deeplabv3_r50_1xb4', 'DeepLabV3 with ResNet-50, RGB only',
        'deeplabv3_r50', 'sgd_40k', 'none', {'u2r': 33.79, 'r2u': 35.44},
    ),
    (
        'baselines/segformer_mit-b5_1xb4', 'SegFormer with MiT-B5, RGB only',
        'segformer_mit-b5', 'adamw-segformer_40k', 'none', {'u2r': 40.05, 'r2u': 40.85},
    ),
    (
        'baselines/daformer_mit-b5_1xb2', "DAFormer's network with MiT-B5, RGB only",
        'daformer_mit-b5', 'adamw-segformer_40k', 'none', {'u2r': None, 'r2u': None},
    ),
    (
        'baselines/deeplabv2_r50_1xb8', 'DeepLabV2 with ResNet-50, RGB only',
        'deeplabv2_r50', 'sgd-loveda_10k', 'none', {'u2r': None, 'r2u': None},
    ),
    (
        'baselines/pspnet_r50_1xb8', 'PSPNet with ResNet-50, RGB only',
        'pspnet_r50', 'sgd-loveda_10k', 'none', {'u2r': None, 'r2u': None},
    ),
    (
        'depthda/daformer_mit-b5-b1_1xb2', "DepthDA on DAFormer's network, MiT-B5 + B1",
        'daformer_mit-b5-b1', 'adamw-segformer_40k', 'input', {'u2r': None, 'r2u': None},
    ),
    (
        'depthda/depthda_convnext-b-s_1xb4', 'DepthDA, ConvNeXt-B + S',
        'depthda_convnext-b-s', 'adamw_40k', 'input', {'u2r': 48.98, 'r2u': None},
    ),
    (
        'depthda/depthda_convnext-b-b_1xb4', 'DepthDA, ConvNeXt-B + B',
        'depthda_convnext-b-b', 'adamw_40k', 'input', {'r2u': 46.73},
    ),
    (
        'depthda/depthda_convnext-xl-b_1xb4', 'DepthDA, ConvNeXt-XL + B',
        'depthda_convnext-xl-b', 'adamw_40k', 'input', {'u2r': 49.71, 'r2u': 47.68},
    ),
    (
        'depth_guided/depth_guided_convnext-b-s_1xb4', 'Depth-guided framework, ConvNeXt-B + S',
        'depth_guided_convnext-b-s', 'adamw_40k', 'input', {'u2r': None, 'r2u': None},
    ),
    (
        'depth_guided/depth_guided_convnext-xl-b_1xb4', 'Depth-guided framework, ConvNeXt-XL + B',
        'depth_guided_convnext-xl-b', 'adamw_40k', 'input', {'u2r': None, 'r2u': None},
    ),
    (
        'depthseg/depthseg_dinov2-s_1xb8', 'DepthSeg with DINOv2-S',
        'depthseg_dinov2-s', 'adamw-depthseg_40k', 'learned', {'u2r': None, 'r2u': None},
    ),
]  # fmt: skip
# The models that also have a config for LoveDA's segmentation challenge.
CHALLENGE = ('upernet_convnext-b', 'depthda_convnext-b-s', 'depth_guided_convnext-b-s')


def with_batch(loaders: str, size: str) -> str:
    """Return the text of the loaders with the batch size, which is 4 in the bases."""
    start = 'train_dataloader = dict('
    if size == '4':
        return loaders
    if start not in loaders:
        return f'{start}batch_size={size})\n{loaders}'
    return loaders.replace(start, f'{start}batch_size={size}, ')


def loveda() -> Iterator[Leaf]:
    """Yield each method in its directions, in the local and in the server protocol."""
    for name, title, model, schedule, depth, papers in LOVEDA:
        size, length = name[-1], schedule.rpartition('_')[2]
        for direction, miou in papers.items():
            for protocol, mark in (('local', ''), ('server', '-server')):
                data = f'loveda-{direction}{mark}-512x512'
                scored = f'on the challenge server{CAVEATS[protocol]}.'
                paper = f'The DepthDA paper reports {miou:.2f} mIoU {scored}' if miou else ''
                yield leaf(
                    f'{name}-{length}_{data}',
                    f'{title}: LoveDA {DIRECTIONS[direction]}, {protocol} protocol.',
                    parts(model, data, schedule),
                    with_batch(LOADERS[depth][protocol], size),
                    paper,
                )
        if model in CHALLENGE:
            data = 'loveda-seg-server-512x512'
            yield leaf(
                f'{name}-40k_{data}',
                f"{title}: LoveDA's segmentation challenge (both domains).",
                parts(model, data, schedule),
                LOADERS[depth]['server'],
            )


def sample() -> Iterator[Leaf]:
    """Yield tiny models on the synthetic dataset, in both directions."""
    make = 'Make the dataset first: python tools/make_sample.py data/sample'
    seasons = 'Make the dataset first, as described in configs/sample/README.md.'
    for model, title, depth in (
        ('upernet', 'RGB only', 'none'),
        ('depthda', 'RGB and relative depth (DepthDA)', 'input'),
        ('depth_guided', 'The depth-guided framework (contrast and refinement)', 'input'),
        ('depthseg', 'DepthSeg', 'learned'),
    ):
        for direction, protocol in itertools.product(DIRECTIONS, ('local', 'server')):
            mark = '-server' if protocol == 'server' else ''
            yield leaf(
                f'sample/{model}_tiny_{direction}{mark}',
                f'{title} on the synthetic dataset, {DIRECTIONS[direction]}, {protocol} protocol '
                '(see configs/depthda/README.md).',
                parts(f'{model}_tiny', f'sample-{direction}{mark}-128x128', 'adamw-sample'),
                LOADERS[depth][protocol] + SAMPLE_HOOKS,
                make,
            )
        if model != 'depthseg':
            yield leaf(
                f'sample/{model}_tiny_summer2autumn',
                f'{title} on two seasons of the synthetic dataset, summer -> autumn.',
                parts(f'{model}_tiny', 'sample-seasons-128x128', 'adamw-sample'),
                LOADERS[depth]['local'] + SAMPLE_HOOKS,
                seasons,
            )
    for direction, domains in DIRECTIONS.items():
        for part, other, body in (
            ('contrast', 'refinement', CONTRAST_ALONE),
            ('refinement', 'contrast', REFINEMENT_ALONE),
        ):
            yield leaf(
                f'sample/{part}_tiny_{direction}',
                f'{part.capitalize()} without {other} on the synthetic dataset, {domains}.',
                f'./depth_guided_tiny_{direction}.py',
                body,
                make,
            )


def ablations() -> Iterator[Leaf]:
    """Yield the depth-guided framework with other weights of the contrast loss."""
    data = '1xb4-40k_loveda-u2r-512x512'
    for factor in (0.5, 2, 3, 4, 5):
        weights = [round(factor * weight, 4) for weight in (0.02, 0.02, 0.03, 0.03)]
        text = (
            '# ablates: model.neck.scale_weights\n'
            f'# The weight of the contrast loss is multiplied by {factor}.\n{MARK}\n'
            f"_base_ = '../depth_guided_convnext-b-s_{data}.py'\n"
            f'model = dict(neck=dict(scale_weights={weights}))\n'
        )
        yield f'depth_guided/ablations/contrast-x{factor}_{data}', text


def leaves() -> dict[str, str]:
    """Return the text of every generated config by its file name."""
    families = (loveda, sample, ablations, isprs_leaves.drdg, isprs_leaves.with_surface_model)
    families += (adaptation_leaves.baselines, adaptation_leaves.methods)
    families += (liuzhou_leaves.leaves, translation_leaves.sample, translation_leaves.isprs)
    return {f'{name}.py': text for family in families for name, text in family()}


def outdated(root: Path = ROOT) -> list[str]:
    """Return the generated files that are missing, changed or no longer generated."""
    texts = leaves()
    marked = {
        path.relative_to(root).as_posix()
        for path in root.glob('[!_]*/**/*.py')
        if MARK in path.read_text(encoding='utf-8').splitlines()
    }
    changed = {n for n, text in texts.items() if _read(root / n) != text}
    return sorted(changed | (marked - set(texts)))


def _read(path: Path) -> str | None:
    return path.read_text(encoding='utf-8') if path.is_file() else None


def main() -> int:
    if '--check' in sys.argv[1:]:
        names = outdated()
        for name in names:
            print(f'not up to date: configs/{name}')
        return bool(names)
    for name, text in leaves().items():
        (ROOT / name).write_text(text, encoding='utf-8')
    return 0


if __name__ == '__main__':
    raise SystemExit(main())
