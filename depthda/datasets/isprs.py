"""ISPRS Potsdam and Vaihingen as tiles, split by the areas that the tiles were cut from."""

import os
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from mmseg.registry import DATASETS

from depthda.datasets.isprs_areas import CLASSES, PALETTE, POTSDAM, VAIHINGEN
from depthda.datasets.pairing import Source
from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError, many
from depthda.io.files import read_json
from depthda.io.manifest import manifest_path, read_manifest
from depthda.provenance import TRANSLATION


class ISPRSDataset(RGBDSegDataset):
    """Tiles in ``images_<bands>``, ``labels`` and depth folders; file names begin with the area.

    A split is a list of areas, all of which must exist. If the folder has a ``manifest.json`` of
    ``depthda prepare-dataset``, all tiles of these areas must exist as well. Labels are 0…5 in the
    order of the classes, and 255 (ignored) at the boundaries of objects.

    Citation: F. Rottensteiner et al., "The ISPRS benchmark on urban object classification and 3D
    building reconstruction", ISPRS Annals I-3, 2012. Terms: research use under the benchmark's own
    terms, no redistribution.

    Args:
        split: A key of ``SPLITS``.
        bands: Suffix of the image folder: ``'irrg'`` reads ``images_irrg``.
        depth: Folder of the depth maps next to the images (``'dsm'``, ``'ndsm'``); None: no depth.
        areas: Areas of the split to use. None uses all areas of the split, or those of them that a
            translated dataset has.
        **kwargs: Passed to ``RGBDSegDataset``. With ``ann_file``, a list of stems, only the listed
            tiles of the split are used, and areas may be incomplete.
    """

    METAINFO = dict(classes=CLASSES, palette=PALETTE)
    # The areas of each split, including the split 'all'.
    SPLITS: dict[str, tuple[str, ...]]
    # The pattern of the area at the start of a file name.
    AREA: re.Pattern

    def __init__(
        self,
        data_root: str,
        split: str = 'all',
        bands: str = 'irrg',
        depth: str | None = 'dsm',
        areas: Sequence[str] | None = None,
        **kwargs,
    ) -> None:
        self.areas = self._choose_areas(data_root, split, areas)
        folders = {**self.FOLDERS, 'img_path': f'images_{bands}'}
        names = dict(data_root=data_root, domain=type(self).__name__, split=split)
        super().__init__(data_prefix=folders, depth=depth, **names, **kwargs)

    def _choose_areas(
        self, data_root: str, split: str, areas: Sequence[str] | None
    ) -> tuple[str, ...]:
        name, known = type(self).__name__, self.SPLITS['all']
        if split not in self.SPLITS:
            raise UserError(f'split={split!r} of {name} is unknown: use {", ".join(self.SPLITS)}')
        in_split = self.SPLITS[split]
        if areas is None:
            translation = read_json(Path(data_root) / TRANSLATION) or {}
            areas = translation.get('areas') or in_split
        elif not areas or isinstance(areas, str):
            raise UserError(
                f'areas={areas!r} of {name} is not a list of areas: choose from {", ".join(known)}'
            )
        elif unknown := [str(area) for area in areas if area not in known]:
            raise UserError(
                f'areas={list(areas)} of {name} contains unknown areas ({", ".join(unknown)}): '
                f'choose from {", ".join(known)}'
            )
        elif others := [area for area in areas if area not in in_split]:
            raise UserError(
                f'areas={list(areas)} of {name} contains areas that are not in split {split!r} '
                f'({", ".join(others)}): choose from {", ".join(in_split)}'
            )
        return tuple(area for area in in_split if area in areas)

    def _listed_stems(self) -> list[str]:
        """Return the stems of the tiles in the chosen areas; of those in ``ann_file``, if set."""
        listed = super()._listed_stems()
        folder = self.data_prefix['img_path']
        stems = Source('image', folder, self.img_suffix).files() if listed is None else listed
        areas = {stem: self._area(stem) for stem in stems}
        chosen = [stem for stem, area in areas.items() if area in self.areas]
        if listed is None:
            self._check_complete(Counter(areas[stem] for stem in chosen), folder)
        elif not chosen:
            raise UserError(f'{self.ann_file} lists no tile of split {self.split!r}')
        return chosen

    def _area(self, stem: str) -> str:
        match = self.AREA.match(os.path.basename(stem))
        if match is None or match[1] not in self.SPLITS['all']:
            raise UserError(
                f'the file name {stem} in {self.data_prefix["img_path"]} begins with an unknown '
                f'area: correct it (for example {self.SPLITS["all"][0]}_0_0_512_512) or remove the '
                f'file; the areas of {type(self).__name__} are {", ".join(self.SPLITS["all"])}'
            )
        return match[1]

    def _check_complete(self, counts: Counter, folder: str) -> None:
        missing = [area for area in self.areas if not counts[area]]
        if missing:
            raise UserError(
                f'{folder} has no tiles of {len(missing)} of the {len(self.areas)} areas of split '
                f'{self.split!r} ({", ".join(missing)}): prepare them, or list the areas to use in '
                'areas=[…]'
            )
        root = Path(self.data_root)
        manifest = read_manifest(root)
        for area in self.areas if manifest is not None else ():
            expected = manifest.get('areas', {}).get(area, {}).get('tiles', 0)
            if counts[area] != expected:
                raise UserError(
                    f'{folder} has {many(counts[area], "tile")} of area {area}, but '
                    f'{manifest_path(root)} lists {expected}: run depthda prepare-dataset again to '
                    'continue the preparation'
                )


@DATASETS.register_module()
class Potsdam(ISPRSDataset):
    """ISPRS Potsdam: 38 orthophotos of 6000², RGB and infrared, 5 cm, 6 classes, with a DSM.

    ``split`` is ``'all'`` (38 areas), or ``'official-train'`` (24) or ``'official-test'`` (14) of
    the benchmark. See ``ISPRSDataset`` for the other arguments, citation and terms.
    """

    PREPARED_BY = ('isprs potsdam', 'docs/isprs.md')
    AREA = re.compile(r'(\d+_\d+)(?![^_])')
    SPLITS = POTSDAM


@DATASETS.register_module()
class Vaihingen(ISPRSDataset):
    """ISPRS Vaihingen: 33 orthophotos of about 2000², IR-R-G, 9 cm, 6 classes, with a DSM.

    ``split`` is ``'all'`` (33 areas), ``'val'`` (8) or ``'test'`` (25) of DRDG, or
    ``'official-train'`` (16) or ``'official-test'`` (17) of the benchmark. See ``ISPRSDataset`` for
    the other arguments, citation and terms.
    """

    PREPARED_BY = ('isprs vaihingen', 'docs/isprs.md')
    AREA = re.compile(r'(area\d+)(?![^_])')
    SPLITS = VAIHINGEN
