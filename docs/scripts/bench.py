"""Compare parts of this project with the stock way of the same work (``make bench``).

    python docs/scripts/bench.py [data metric window contrast optimiser] [--json FILE]

Both ways take turns in one process and one thread, and CPU time counts, which other programs affect
little. The table has the median time of each way, the ratio (stock / ours: its median over the
rounds, with the lowest and the highest), and the largest memory that tensors took at a time.
docs/benchmarks.md has results; training steps on a GPU are measured by measure_training_steps.py.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from mmengine.config import ConfigDict
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmseg.evaluation import IoUMetric
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import DATASETS, MODELS
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

import depthda.register  # noqa: F401
from depthda.datasets.packed import pack_tiles
from depthda.datasets.synthetic import make_world, write_sample
from depthda.engine.prepare import load_config
from depthda.evaluation.segmentation_metric import SegmentationMetric
from depthda.models.losses.info_nce import info_nce
from depthda.models.segmentors.sliding_window import slide_inference

Ways = dict[str, Callable[[], object]]  # the first is ours, the last is stock
CONFIG = 'configs/depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512.py'
CLASSES = 7


@contextmanager
def data() -> Iterator[Ways]:
    """Eight samples: ours, from packed tiles, and the three decodes that any way needs."""
    with TemporaryDirectory() as folder:
        world = make_world('v1', ('urban', 'rural'), seed=0, size=1024)
        write_sample(Path(folder, 'tiles'), world, {'Train': 8, 'Val': 0, 'Test': 0})
        settings = load_config(CONFIG).train_dataloader.dataset
        settings.update(data_root=f'{folder}/tiles', depth='rdepth/synthetic', holdout=None)
        settings.pipeline[2].folder = 'rdepth/synthetic'
        files = DATASETS.build(settings)
        pack_tiles(DATASETS.build(settings), Path(folder, 'packed'))
        packed = DATASETS.build(settings | dict(cache=f'{folder}/packed'))
        infos = [files.get_data_info(index) for index in range(8)]

        def decode() -> None:
            for info in infos:
                cv2.imread(info['img_path'])
                cv2.imread(info['seg_map_path'], cv2.IMREAD_UNCHANGED)
                cv2.imread(info['depth_path'], cv2.IMREAD_UNCHANGED)

        yield {
            'samples from files': lambda: [files.prepare_data(index) for index in range(8)],
            'samples from packed tiles': lambda: [packed.prepare_data(index) for index in range(8)],
            'decoding the files only': decode,
        }


@contextmanager
def metric() -> Iterator[Ways]:
    """The counts of eight label maps of 1024²."""
    coarse = torch.rand(8, CLASSES, 32, 32)
    predicted = F.interpolate(coarse, (1024, 1024), mode='bilinear').argmax(1)
    labels = torch.where(torch.rand(predicted.shape) < 0.2, 3, predicted)
    labels[torch.rand(labels.shape) < 0.05] = 255
    samples = [
        dict(img_path='1.png', pred_sem_seg=dict(data=p[None]), gt_sem_seg=dict(data=t[None]))
        for p, t in zip(predicted, labels.to(torch.uint8), strict=True)
    ]
    metrics = SegmentationMetric(), IoUMetric()
    for each in metrics:
        each.dataset_meta = dict(classes=tuple('abcdefg'), palette=[[0, 0, 0]] * CLASSES)
    ours, stock = (lambda each=each: each.process({}, samples) for each in metrics)
    yield {'SegmentationMetric': ours, "mmseg's IoUMetric": stock}


@contextmanager
def window() -> Iterator[Ways]:
    """An image of 2048² in windows of 512² that overlap, with a network that does little."""
    layers = nn.Sequential(nn.Conv2d(4, 16, 4, stride=4), nn.ReLU(), nn.Conv2d(16, CLASSES, 1))
    image = torch.rand(1, 4, 2048, 2048)
    metas = [dict(img_shape=(2048, 2048), ori_shape=(2048, 2048), pad_shape=(2048, 2048))]

    def network(crops: Tensor, metas: list[dict]) -> Tensor:
        return F.interpolate(layers(crops), crops.shape[2:], mode='bilinear')

    class Stock:
        test_cfg = ConfigDict(crop_size=(512, 512), stride=(384, 384))
        out_channels = CLASSES
        align_corners = False
        encode_decode = staticmethod(network)

    def ours(batch: int) -> Tensor:
        return slide_inference(network, image, metas, (512, 512), (384, 384), batch)

    with torch.no_grad():
        yield {
            'sliding window, 4 at a time': lambda: ours(4),
            'sliding window, 1 at a time': lambda: ours(1),
            "mmseg's slide_inference": lambda: EncoderDecoder.slide_inference(
                Stock(), image, metas
            ),
        }


@contextmanager
def contrast() -> Iterator[Ways]:
    """The contrastive loss and its gradient at 64² positions of four images."""
    anchors, keys = (torch.randn(4, 64 * 64, 128, requires_grad=True) for _ in range(2))
    valid = torch.rand(4, 64 * 64) < 0.9

    def image_by_image(anchors: Tensor, keys: Tensor, valid: Tensor) -> Tensor:
        """Compute the loss of each image on its own, from all similarities at once."""
        losses = []
        for one, other, kept in zip(anchors, keys, valid, strict=True):
            one, other = F.normalize(one[kept], dim=1), F.normalize(other[kept], dim=1)
            similarity = ((one @ other.T + 1) / 2 / 0.07).exp()
            chances = similarity.detach().clone().fill_diagonal_(0)
            drawn = torch.multinomial(chances, 128, replacement=True)
            positive, negative = similarity.diagonal(), similarity.gather(1, drawn).sum(1)
            losses.append(-(positive / (positive + negative)).log().mean())
        return torch.stack(losses).mean()

    def step(loss: Callable[..., Tensor]) -> None:
        anchors.grad = keys.grad = None
        loss(anchors, keys, valid).backward()

    yield {'InfoNCE': lambda: step(info_nce), 'image by image': lambda: step(image_by_image)}


@contextmanager
def optimiser() -> Iterator[Ways]:
    """A step of AdamW for DepthDA with ConvNeXt-B + S, whose stages learn at several rates."""
    cfg = load_config(CONFIG)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    model.to_empty(device='cpu')
    for weight in model.parameters():
        weight.data.fill_(0.02)
        weight.grad = torch.full_like(weight, 1e-3)
    # mmengine's way to give layers other rates: a group for each parameter.
    rates = dict(norm_decay_mult=0.0, custom_keys=dict(backbone=dict(lr_mult=0.5)))
    plain = dict(type='AdamW', lr=1e-4, weight_decay=0.05)
    stock = dict(type='OptimWrapper', optimizer=plain, paramwise_cfg=rates)
    wrappers = {
        "the config's AdamW": build_optim_wrapper(model, cfg.optim_wrapper),
        "mmengine's paramwise_cfg": build_optim_wrapper(model, ConfigDict(stock)),
    }
    yield {name: wrapper.optimizer.step for name, wrapper in wrappers.items()}


PARTS = {part.__name__: part for part in (data, metric, window, contrast, optimiser)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('parts', nargs='*', help=f'parts to compare: {", ".join(PARTS)}')
    parser.add_argument('--rounds', type=int, default=7, help='turns of each way')
    parser.add_argument('--json', help='file for the results')
    args = parser.parse_args()
    if unknown := set(args.parts) - set(PARTS):
        parser.error(f'unknown part {unknown.pop()}: choose from {", ".join(PARTS)}')
    init_default_scope('mmseg')
    MMLogger.get_instance('bench', log_level='ERROR')  # a line for each parameter
    torch.set_num_threads(1)
    torch.manual_seed(0)
    cv2.setNumThreads(0)
    rows = []
    for name in args.parts or PARTS:
        print(f'{name}: {PARTS[name].__doc__.splitlines()[0]}')
        with PARTS[name]() as ways:
            for row in compare(ways, args.rounds):
                rows.append(dict(part=name, **row))
                print(
                    f'  {row["way"]:28} {row["ms"]:9.2f} ms  {row["ratio"]:6.2f} '
                    f'({row["low"]:.2f} to {row["high"]:.2f})  {row["peak_mib"]:7.1f} MiB'
                )
    if args.json:
        about = dict(torch=torch.__version__, rounds=args.rounds, rows=rows)
        Path(args.json).write_text(json.dumps(about, indent=1) + '\n')


def compare(ways: Ways, rounds: int) -> Iterator[dict]:
    """Yield a row for each way; the ratios are those of the last way to each."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name in list(ways)[:: 1 if number % 2 else -1]:
            start = time.process_time()
            ways[name]()
            if number:  # the first round warms up
                times[name].append(1000 * (time.process_time() - start))
    *_, stock = times.values()
    for name, own in times.items():
        ratios = [other / one for one, other in zip(own, stock, strict=True)]
        row = dict(way=name, ms=round(median(own), 2), ratio=round(median(ratios), 2))
        row |= dict(low=round(min(ratios), 2), high=round(max(ratios), 2))
        yield row | dict(peak_mib=round(peak(ways[name]) / 2**20, 1))


def peak(way: Callable[[], object]) -> int:
    """Return the most bytes that new tensors took at a time."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        way()
    events = [e for e in profiler.profiler.kineto_results.events() if e.name() == '[memory]']
    sizes = np.cumsum([e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())])
    return max(0, int(sizes.max())) if len(sizes) else 0


if __name__ == '__main__':
    main()
