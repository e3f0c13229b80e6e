"""One confusion matrix for all test images, and the scores that follow from it."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_rank, is_main_process
from mmengine.evaluator import BaseMetric
from mmseg.registry import METRICS
from torch import Tensor

from depthda.console import show
from depthda.errors import UserError
from depthda.evaluation.confusion import PRINTED, joint_counts, printed_scores
from depthda.evaluation.score_report import POOLED, group_cells, group_report, render
from depthda.evaluation.tile_counts import TileCounts

Tile = tuple[str, str, str]  # image path, domain, split ('' where there is none)


@METRICS.register_module()
class SegmentationMetric(BaseMetric):
    """Per-class and mean IoU, F1, precision and recall, OA, kappa and weighted IoU, in per cent.

    The pixel counts of each sample stay on the device; at the end they are gathered from the ranks
    and summed to one matrix for each (domain, split) of the samples. If there are several domains
    or splits, each of them is scored, and so are all samples together.
    :class:`depthda.evaluation.confusion.Scores` defines "absent" and "undefined". Undefined scores
    are None in :attr:`report` and are not logged.

    The log has the scores of the headline group (``mIoU, mF1, mPrecision, mRecall, OA, Kappa,
    fwIoU``, ``IoU.<class>``, ``F1.<class>``) and those of the other groups (``Rural/mIoU``,
    ``Rural/IoU.<class>``). :attr:`report` is the complete result of the last evaluation as plain
    built-ins, ready for ``metrics.json``. :attr:`tiles` holds the counts of each image in the last
    evaluation, the same on every rank.

    Every sample counts once. A sampler may repeat samples to fill up the last round of the ranks
    (``round_up=True``, mmengine's default), if it deals the samples to the ranks in turn. Any other
    wrong number of samples is an error.

    Args:
        ignore_index: Label of pixels that are not scored.
        headline: Group whose scores are logged without a prefix: a split (``'Val'``), a domain
            (``'Rural'``) or both (``'Val/Rural'``). None means all samples together.
        aggregate: ``'global'``, or ``'per_batch'`` for the scores of DRDG's released code: only IoU
            and F1, see :func:`depthda.evaluation.confusion.per_batch_scores`.
        batch_size: Samples per batch for ``'per_batch'``, in the order of the dataset, group by
            group. The batch size of the data loader does not matter.
        printed: Scores (``'OA'``, ``'Kappa'``) that are also computed by the formulas printed in
            the DepthSeg paper, as ``OA_printed`` and ``Kappa_printed``.
        prefix: Prefix of every logged name, to distinguish two metrics of one evaluator.
    """

    default_prefix = ''  # None would make mmengine warn
    labels_suffice = True  # the metric reads the predicted label map, not the logits

    def __init__(
        self,
        ignore_index: int = 255,
        headline: str | None = None,
        aggregate: str = 'global',
        batch_size: int = 32,
        printed: Sequence[str] = (),
        prefix: str | None = None,
    ) -> None:
        super().__init__(prefix=prefix)
        if aggregate not in ('global', 'per_batch'):
            raise UserError(f"aggregate={aggregate!r} must be 'global' or 'per_batch'.")
        if batch_size < 1:
            raise UserError(f'batch_size={batch_size} must be at least 1.')
        if isinstance(printed, str) or not set(printed) <= set(PRINTED):
            names = list(PRINTED)
            raise UserError(f'printed={printed!r} of SegmentationMetric is unknown: use {names}.')
        if printed and aggregate != 'global':
            raise UserError(
                f'printed={list(printed)} of SegmentationMetric needs the confusion matrix of all '
                "pixels: use aggregate='global'."
            )
        self.ignore_index = ignore_index
        self.headline = headline
        self.aggregate = aggregate
        self.batch_size = batch_size
        self.printed = tuple(printed)
        self.report: dict[str, Any] = {}
        self.tiles: TileCounts | None = None
        self._clear()

    def _clear(self) -> None:
        self._seen: list[Tile] = []
        self._counts: list[Tensor] = []  # on the device, one per sample in _seen

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Count the pixels of a batch of predictions."""
        num_classes = len(self.dataset_meta['classes'])
        for sample in data_samples:
            path = str(sample.get('img_path'))
            if 'gt_sem_seg' not in sample:
                raise UserError(
                    f'{path} has no labels, so it cannot be scored here: write the predictions of '
                    'this split and submit them to the server instead.'
                )
            keys = ('pred_sem_seg', 'gt_sem_seg')
            maps = (sample[key]['data'].squeeze() for key in keys)
            try:
                counts = joint_counts(*maps, num_classes, self.ignore_index)
            except UserError as error:
                raise UserError(f'{path}: {error}') from error
            self._seen.append((path, sample.get('domain') or '', sample.get('split') or ''))
            self._counts.append(counts)

    def evaluate(self, size: int) -> dict[str, float]:
        """Return the scores of the ``size`` samples of all ranks, the same on every rank."""
        try:
            self._drop_repetition(size)
            tiles = self._gather()
            self.report, self.tiles = self._make_report(tiles), tiles
        finally:
            self._clear()
        if is_main_process():
            show(render(self.report))
        logged = self.compute_metrics(self.report)
        return {f'{self.prefix}/{k}': v for k, v in logged.items()} if self.prefix else logged

    def compute_metrics(self, results: dict) -> dict[str, float]:
        """Flatten a report into the scores to log, without the undefined ones."""
        logged: dict[str, float | None] = {}
        for name, group in results['groups'].items():
            prefix = '' if name == results['headline'] else f'{name}/'
            logged |= {f'{prefix}{key}': value for key, value in group['means'].items()}
            for score in ('IoU', 'F1'):
                values = {part: row[score] for part, row in group['per_class'].items()}
                logged |= {f'{prefix}{score}.{part}': value for part, value in values.items()}
        return {key: value for key, value in logged.items() if value is not None}

    def _drop_repetition(self, size: int) -> None:
        """Remove this rank's last sample if the sampler repeated it to fill the round.

        Samples are dealt in turn, so the k-th sample of rank r has position ``k * world_size + r``.
        Repeated samples have a position of at least ``size``: at most one per rank, its last.
        """
        paths = [path for path, _, _ in self._seen] or [None]
        ranks = all_gather_object((len(self._seen), paths[0], paths[-1]))
        total = sum(count for count, _, _ in ranks)
        if not total:
            raise UserError('no sample was evaluated: check folder and settings of the dataset.')
        last = [(count - 1) * len(ranks) + r for r, (count, _, _) in enumerate(ranks)]
        added = [r for r, position in enumerate(last) if position >= size] if total > size else []
        firsts = {first for _, first, _ in ranks}
        if total - len(added) != size or any(ranks[r][2] not in firsts for r in added):
            raise UserError(
                f'got {total} predictions for a dataset of {size} samples, so samples would be '
                'skipped or counted twice: test with DefaultSampler and drop_last=False.'
            )
        if get_rank() in added:
            self._seen.pop()
            self._counts.pop()

    def _gather(self) -> TileCounts:
        """Return the counts of the samples of all ranks, in the order of the dataset."""
        classes = [str(name) for name in self.dataset_meta['classes']]
        # One transfer for all samples.
        local = torch.stack(self._counts).cpu().numpy() if self._counts else ()
        ranks = all_gather_object(list(zip(self._seen, local, strict=True)))
        rounds = max(len(rank) for rank in ranks)
        dealt = [rank[k] for k in range(rounds) for rank in ranks if k < len(rank)]
        seen, counts = zip(*dealt, strict=True)
        paths, domains, splits = (np.array(column) for column in zip(*seen, strict=True))
        return TileCounts(paths, domains, splits, np.array(classes), np.stack(counts))

    def _make_report(self, tiles: TileCounts) -> dict[str, Any]:
        classes = tiles.classes.tolist()
        cells = tiles.cells()
        groups = group_cells(sorted(set(cells), key=str))
        headline = self.headline or POOLED
        if headline not in groups:
            raise UserError(
                f'headline={headline!r} of SegmentationMetric is not a group of this dataset: '
                f'choose from {", ".join(groups)}.'
            )
        reports, shown = {}, set()
        for name in dict.fromkeys((headline, *groups)):
            members = frozenset(groups[name])
            if members in shown:  # for example, a single domain is the same group as all images
                continue
            shown.add(members)
            in_group = tiles.counts[[cell in members for cell in cells]]
            batches = None
            if self.aggregate == 'per_batch':
                starts = np.arange(0, len(in_group), self.batch_size)
                batches = torch.from_numpy(np.add.reduceat(in_group, starts))
            counts = torch.from_numpy(in_group.sum(0))
            reports[name] = group_report(classes, len(in_group), counts, batches)
            printed = printed_scores(counts[:-1]) if self.printed else {}
            reports[name]['means'] |= {f'{key}_printed': printed[key] for key in self.printed}
        if reports[headline]['means']['mIoU'] is None:
            raise UserError(
                f'every pixel of {headline!r} has the ignored label {self.ignore_index}: '
                'check the label files and ignore_index.'
            )
        batch_size = self.batch_size if self.aggregate == 'per_batch' else None
        report = {'aggregate': self.aggregate, 'batch_size': batch_size}
        report |= {'ignore_index': self.ignore_index, 'classes': classes, 'headline': headline}
        return {**report, **reports[headline]['means'], 'groups': reports}
