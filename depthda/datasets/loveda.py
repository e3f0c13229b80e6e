"""LoveDA, and datasets with the same folder tree, such as the synthetic one."""

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
    """LoveDA: 5,987 images of 1024², RGB, 0.3 m, urban and rural scenes of three Chinese cities.

    Train has 1,156 urban and 1,366 rural images, Val 677 and 992, Test 820 and 976. Only the
    challenge server has the labels of Test. Labels are 0 (no-data) and 1…7 (land-cover classes).
    Citation: J. Wang et al., "LoveDA: A Remote Sensing Land-Cover Dataset for Domain Adaptive
    Semantic Segmentation", NeurIPS Datasets and Benchmarks, 2021. Licence: CC BY-NC-SA 4.0.

    Files are in ``{Train,Val,Test}/{Urban,Rural}/{images_png,masks_png}``, with depth maps next to
    them.

    Args:
        data_root: Folder that holds ``Train``, ``Val`` and ``Test``.
        domain: ``'Urban'``, ``'Rural'`` or both as a list, in upper or lower case.
        split: ``'Train'``, ``'Val'``, ``'Test'`` or several as a list, in upper or lower case.
        depth: Folder of the depth maps next to ``images_png`` (``'rdepth/<model>'``, ``'dsm'``);
            None: no depth.
        holdout: ``dict(part='fit' | 'held-out', every=10, block=20)`` selects a part of Train.
            Files with successive numbers are neighbouring tiles of a scene. So tiles are held out
            in blocks of ``block`` successive numbers: the first block, and then every ``every``-th.
        reduce_zero_label: Read the labels 1…7 as 0…6, and 0 as ignored.
        **kwargs: Passed to ``RGBDSegDataset``. Set ``labels=False`` for a split without labels,
            such as the public Test split.
    """

    FOLDERS = dict(img_path='images_png', seg_map_path='masks_png')
    PREPARED_BY = ('loveda', 'docs/loveda.md')
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
        reduce_zero_label: bool = True,
        **kwargs,
    ) -> None:
        self.domains = _choose('domain', domain, DOMAINS)
        self.splits = _choose('split', split, SPLITS)
        self.holdout = _read_holdout(holdout, self.splits)
        super().__init__(
            depth=depth, data_root=data_root, reduce_zero_label=reduce_zero_label, **kwargs
        )

    def how_made(self) -> str:
        # The sample configs use these names of folders for the synthetic dataset.
        samples = {'sample': '', 'sample-4band': ' --near-infrared'}
        samples['sample-two-dates'] = ' --two-dates --seed 1000 --train 160 --val 0 --test 0'
        option = samples.get(os.path.basename(os.path.normpath(self.data_root)))
        if option is not None:
            return f'make the dataset with depthda sample {self.data_root}{option}'
        return super().how_made()

    def _join_prefix(self) -> None:
        """Keep folders relative; ``load_data_list`` joins them for each split and domain."""

    def load_data_list(self) -> list[dict]:
        samples = []
        for split in self.splits:
            for domain in self.domains:
                root = os.path.join(self.data_root, split, domain)
                folders = {key: os.path.join(root, name) for key, name in self.data_prefix.items()}
                listed = self.load_folder(folders, domain, split)
                selected = [s for s in listed if self._is_selected(s['img_path'])]
                if not selected:
                    raise UserError(
                        f'holdout={self.holdout} selects none of the {len(listed)} images in '
                        f"{root}: set a smaller 'block' or 'every'"
                    )
                samples += selected
        return samples

    def _is_selected(self, path: str) -> bool:
        if self.holdout is None:
            return True
        held_out = _number(path) // self.holdout['block'] % self.holdout['every'] == 0
        return held_out == (self.holdout['part'] == 'held-out')


def _choose(name: str, value: str | Sequence[str], choices: tuple[str, ...]) -> list[str]:
    """Return the chosen names without duplicates, spelled as in the folder tree."""
    spelling = {choice.lower(): choice for choice in choices}
    chosen = [value] if isinstance(value, str) else list(value)
    unknown = [item for item in chosen if str(item).lower() not in spelling]
    if unknown or not chosen:
        raise UserError(f'{name}={value!r} of LoveDARGBD is unknown: use {", ".join(choices)}')
    return list(dict.fromkeys(spelling[item.lower()] for item in chosen))


def _read_holdout(holdout: dict | None, splits: list[str]) -> dict | None:
    if holdout is None:
        return None
    settings = dict(part=None, every=10, block=20) | dict(holdout)
    if set(settings) != {'part', 'every', 'block'} or settings['part'] not in PARTS:
        raise UserError(
            f'holdout={dict(holdout)} of LoveDARGBD is invalid: use '
            f'dict(part={" or ".join(map(repr, PARTS))}, every=10, block=20)'
        )
    if splits != ['Train']:
        raise UserError(
            f'holdout selects a part of Train, but the config uses {", ".join(splits)}: set '
            "split='Train'"
        )
    if settings['every'] < 2 or settings['block'] < 1:
        raise UserError(f'holdout={dict(holdout)} of LoveDARGBD needs every ≥ 2 and block ≥ 1')
    return settings


def _number(path: str) -> int:
    stem = os.path.splitext(os.path.basename(path))[0]
    if not (stem.isascii() and stem.isdigit()):
        raise UserError(
            f'the file name of {path} is not a number, but holdout needs numbers: name the files '
            'as in LoveDA (12.png)'
        )
    return int(stem)
