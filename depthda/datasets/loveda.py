"""LoveDA, and every set in its tree (the synthetic one), with domains and splits kept apart."""

import os
from collections.abc import Sequence

from mmseg.registry import DATASETS

from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError

DOMAINS = ('Urban', 'Rural')
SPLITS = ('Train', 'Val', 'Test')
PARTS = ('fit', 'held-out')


@DATASETS.register_module()
class LoveDARGBD(RGBDSegDataset):
    """``{Train,Val,Test}/{Urban,Rural}/{images_png,masks_png}`` with depth maps beside them.

    Args:
        data_root: The folder that holds ``Train``, ``Val`` and ``Test``.
        domain: ``'Urban'``, ``'Rural'`` or both as a list, in any case.
        split: ``'Train'``, ``'Val'``, ``'Test'`` or several as a list, in any case.
        depth: Folder of the depth maps beside ``images_png`` (``'rdepth/<model>'``, ``'dsm'``);
            None: the set has no depth.
        holdout: ``dict(part='fit' | 'held-out', every=10, block=20)`` takes a part of Train.
            Neighbouring file numbers are neighbouring tiles of one scene, so whole blocks of
            ``block`` numbers are held out: every ``every``-th one, from the first on.
        labels: False for a split without masks (the public Test split has none).
        **kwargs: As ``RGBDSegDataset`` has them.
    """

    METAINFO = dict(
        classes=('background', 'building', 'road', 'water', 'barren', 'forest', 'agricultural'),
        palette=[
            [255, 255, 255],
            [255, 0, 0],
            [255, 255, 0],
            [0, 0, 255],
            [159, 129, 183],
            [0, 255, 0],
            [255, 195, 128],
        ],
    )

    def __init__(
        self,
        data_root: str,
        domain: str | Sequence[str],
        split: str | Sequence[str],
        depth: str | None = 'rdepth/depth-anything-large',
        holdout: dict | None = None,
        labels: bool = True,
        reduce_zero_label: bool = True,
        **kwargs,
    ) -> None:
        self.domains = _choose('domain', domain, DOMAINS)
        self.splits = _choose('split', split, SPLITS)
        self.holdout = _read_holdout(holdout, self.splits)
        super().__init__(
            data_prefix=dict(
                img_path='images_png',
                seg_map_path='masks_png' if labels else None,
                depth_path=depth,
            ),
            data_root=data_root,
            reduce_zero_label=reduce_zero_label,
            **kwargs,
        )

    @property
    def depth_source(self) -> str | None:
        """The folder beside ``images_png``, which every domain and split has of its own."""
        return self.data_prefix.get('depth_path')

    def how_made(self) -> str:
        # The data_root of the sample configs.
        samples = {'sample': '', 'sample-4band': ' --near-infrared'}
        option = samples.get(os.path.basename(os.path.normpath(self.data_root)))
        if option is not None:
            return f'make the dataset with: python tools/make_sample.py {self.data_root}{option}'
        return (
            f'make it with tools/prepare_dataset.py loveda … --out {self.data_root}, or correct '
            'the path (docs/loveda.md)'
        )

    def _join_prefix(self) -> None:
        """Leave the folders relative: each domain of each split has its own."""

    def load_data_list(self) -> list[dict]:
        samples = []
        for split in self.splits:
            for domain in self.domains:
                root = os.path.join(self.data_root, split, domain)
                folders = {key: os.path.join(root, name) for key, name in self.data_prefix.items()}
                found = self.load_folder(folders, domain, split)
                kept = [s for s in found if self._is_wanted(s['img_path'])]
                if not kept:
                    raise UserError(
                        f'the {self.holdout["part"]} part of the {len(found)} images in {root} is '
                        f'empty with {self.holdout}: choose a smaller block or every'
                    )
                samples += kept
        return samples

    def _is_wanted(self, path: str) -> bool:
        if self.holdout is None:
            return True
        held_out = _number(path) // self.holdout['block'] % self.holdout['every'] == 0
        return held_out == (self.holdout['part'] == 'held-out')


def _choose(name: str, value: str | Sequence[str], choices: tuple[str, ...]) -> list[str]:
    """The chosen names as the tree spells them, without repetition."""
    spelling = {choice.lower(): choice for choice in choices}
    chosen = [value] if isinstance(value, str) else list(value)
    unknown = [item for item in chosen if str(item).lower() not in spelling]
    if unknown or not chosen:
        raise UserError(f'{name}={value!r} of LoveDARGBD is unknown: use {", ".join(choices)}')
    return list(dict.fromkeys(spelling[item.lower()] for item in chosen))


def _read_holdout(holdout: dict | None, splits: list[str]) -> dict | None:
    if holdout is None:
        return None
    read = dict(part=None, every=10, block=20) | dict(holdout)
    if set(read) != {'part', 'every', 'block'} or read['part'] not in PARTS:
        raise UserError(
            f'holdout={dict(holdout)} of LoveDARGBD is unknown: use '
            f'dict(part={" or ".join(map(repr, PARTS))}, every=10, block=20)'
        )
    if splits != ['Train']:
        raise UserError(f"holdout is a part of Train, not of {splits}: set split='Train'")
    if read['every'] < 2 or read['block'] < 1:
        raise UserError(f'holdout={dict(holdout)} of LoveDARGBD needs every ≥ 2 and block ≥ 1')
    return read


def _number(path: str) -> int:
    stem = os.path.splitext(os.path.basename(path))[0]
    if not (stem.isascii() and stem.isdigit()):
        raise UserError(
            f'{path} is not named by a number, and holdout goes by numbers: rename it as LoveDA '
            'does (12.png)'
        )
    return int(stem)
