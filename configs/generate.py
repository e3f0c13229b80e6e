"""Write the configs that differ only in their model, dataset and schedule.

Each is a header and a few `_base_` lines. They are listed here, once a method, and written as
files, so that every name can be typed and every file can be read by itself:

    python configs/generate.py            # write them
    python configs/generate.py --check    # name those that are not up to date, and write nothing

The header of such a file ends with MARK: change it here, and run this again.
"""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent
MARK = '# Written by configs/generate.py: change it there.'
WAYS = {'u2r': 'Urban -> Rural', 'r2u': 'Rural -> Urban'}
Leaf = tuple[str, str]  # name and text of a config

# What leaves add to their bases. Models without depth: at test, and in training too.
RGB_LOCAL = """\
# No depth map is read, so none needs to exist.
train_dataloader = dict(dataset=dict(depth=None))
val_dataloader = dict(dataset=dict(depth=None))
test_pipeline = {{_base_.rgb_test_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
"""
RGB_SERVER = """\
# No depth map is read, so none needs to exist.
train_dataloader = dict(dataset=dict(depth=None))
test_pipeline = {{_base_.rgb_unlabelled_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_unlabelled_pipeline}}))
"""
LEARNED_LOCAL = """\
# Depth is learned in training; a test needs no map.
val_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
test_pipeline = {{_base_.rgb_test_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
"""
LEARNED_SERVER = """\
# Depth is learned in training; a test needs no map.
test_pipeline = {{_base_.rgb_unlabelled_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_unlabelled_pipeline}}))
"""
# By what the model does with depth and by the protocol.
LOADERS = {
    'input': {'local': '', 'server': ''},
    'none': {'local': RGB_LOCAL, 'server': RGB_SERVER},
    'learned': {'local': LEARNED_LOCAL, 'server': LEARNED_SERVER},
}
SAMPLE_HOOKS = 'default_hooks = dict(checkpoint=dict(interval=100), logger=dict(interval=25))\n'
CAVEATS = {'local': ': not comparable with scores of the local protocol', 'server': ''}
CONTRAST_ALONE = 'model = dict(decode_head=dict(_delete_=True, **_base_.model.decode_head.head))\n'
REFINEMENT_ALONE = 'model = dict(neck=dict(_delete_=True, **_base_.model.neck.fusion))\n'

# Name, title, model, schedule, what becomes of depth, and the papers' mIoU by direction.
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
        'depthda/depthda_convnext-b-s_1xb4', 'DepthDA, ConvNeXt-B + S',
        'depthda_convnext-b-s', 'adamw_40k', 'input', {'u2r': 48.98},
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
# LoveDA's segmentation challenge has these models.
CHALLENGE = ('upernet_convnext-b', 'depthda_convnext-b-s', 'depth_guided_convnext-b-s')


def leaf(name: str, title: str, bases: str | list[str], body: str = '', more: str = '') -> Leaf:
    """Return a config: what it is, how to train it, what it is made of, and what it adds."""
    header = [*textwrap.wrap(title, 98), *textwrap.wrap(more, 98)]
    header += ['Train the model with', f'  python tools/train.py configs/{name}.py']
    if len(header[-1]) > 98:
        header[-1:] = ['  python tools/train.py \\', f'    configs/{name}.py']
    text = ''.join(f'# {line}\n' for line in header) + f'{MARK}\n'
    if isinstance(bases, str):
        return name, f"{text}_base_ = '{bases}'\n{body}"
    named = ''.join(f"    '../_base_/{base}.py',\n" for base in bases)
    return name, f'{text}_base_ = [\n{named}]\n{body}'


def parts(model: str, data: str, schedule: str) -> list[str]:
    return [f'models/{model}', f'datasets/{data}', f'schedules/{schedule}', 'default_runtime']


def loveda() -> Iterator[Leaf]:
    """Every method in its directions, in the local and in the server protocol."""
    for name, title, model, schedule, depth, papers in LOVEDA:
        batch = 'train_dataloader = dict(batch_size=8)\n' if name.endswith('1xb8') else ''
        for way, miou in papers.items():
            for protocol, mark in (('local', ''), ('server', '-server')):
                data = f'loveda-{way}{mark}-512x512'
                scored = f'scored by the challenge server{CAVEATS[protocol]}.'
                paper = f'The paper of DepthDA has {miou:.2f} mIoU, {scored}' if miou else ''
                yield leaf(
                    f'{name}-40k_{data}',
                    f'{title}: LoveDA {WAYS[way]}, {protocol} protocol.',
                    parts(model, data, schedule),
                    batch + LOADERS[depth][protocol],
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


def drdg() -> Iterator[Leaf]:
    """The segmentation stage of DRDG, on translated images and on the source as it is."""
    p2v, v2p = 'potsdam2vaihingen', 'vaihingen2potsdam'
    swapped = 'with the parts of Vaihingen exchanged: selected on 25 areas, tested on 8'
    for name, data, title in (
        (p2v, f'{p2v}-translated', 'Potsdam in the style of Vaihingen, tested on Vaihingen'),
        (
            f'{p2v}-reversed',
            f'{p2v}-translated-reversed',
            f'Potsdam in the style of Vaihingen, {swapped}',
        ),
        (f'source-only_{p2v}', p2v, 'Potsdam as it is, tested on Vaihingen: the baseline'),
        (f'source-only_{p2v}-reversed', f'{p2v}-reversed', f'Potsdam as it is, {swapped}'),
        (f'source-only_{v2p}', v2p, 'Vaihingen as it is, tested on Potsdam'),
        (v2p, f'{v2p}-translated', 'Vaihingen in the style of Potsdam, tested on Potsdam'),
    ):
        yield leaf(
            f'drdg/deeplabv3_r34_{name}-512x512',
            f'DeepLabV3 with ResNet-34 on {title}.',
            parts('deeplabv3_r34', f'{data}-512x512', 'adam-deeplabv3-isprs_101e'),
            'default_hooks = dict(checkpoint=dict(interval=291))\n',
            '' if 'source-only' in name else 'Translate the training images first: README.md.',
        )


def sample() -> Iterator[Leaf]:
    """Tiny models on the synthetic dataset, in both directions."""
    make = 'Make the dataset first: python tools/make_sample.py data/sample'
    seasons = 'Make the dataset first: configs/sample/README.md'
    for model, title, depth in (
        ('upernet', 'RGB only', 'none'),
        ('depthda', 'RGB and relative depth (DepthDA)', 'input'),
        ('depth_guided', 'The depth-guided framework (contrast and refinement)', 'input'),
        ('depthseg', 'DepthSeg', 'learned'),
    ):
        for way, protocol in ((w, p) for w in WAYS for p in ('local', 'server')):
            mark = '-server' if protocol == 'server' else ''
            yield leaf(
                f'sample/{model}_tiny_{way}{mark}',
                f'{title} on the synthetic dataset, {WAYS[way]}, {protocol} protocol '
                '(see configs/depthda/README.md).',
                parts(f'{model}_tiny', f'sample-{way}{mark}-128x128', 'adamw-sample'),
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
    for way, where in WAYS.items():
        for part, other, body in (
            ('contrast', 'refinement', CONTRAST_ALONE),
            ('refinement', 'contrast', REFINEMENT_ALONE),
        ):
            yield leaf(
                f'sample/{part}_tiny_{way}',
                f'{part.capitalize()} without {other} on the synthetic dataset, {where}.',
                f'./depth_guided_tiny_{way}.py',
                body,
                make,
            )


def leaves() -> dict[str, str]:
    """Return the text of every config that is written here, by its name."""
    families = (loveda, drdg, sample)
    return {f'{name}.py': text for family in families for name, text in family()}


def outdated(root: Path = ROOT) -> list[str]:
    """Return the names of files that are not as they would be written."""
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
