"""Random pairs of a source and a target tile, for translation and adaptation between domains."""

from collections.abc import Mapping
from dataclasses import InitVar, dataclass
from typing import Any

from mmseg.registry import DATASETS

from depthda.datasets.rgbd import RGBDSegDataset
from depthda.errors import UserError
from depthda.randomness import SampleKey, derive_seed


@DATASETS.register_module()
@dataclass(eq=False, repr=False)
class DomainPairDataset:
    """Random pairs of tiles from two datasets; as many pairs as the larger dataset has tiles.

    The index is that of a tile in the larger dataset (in the source, if both are equally large), so
    an epoch of ``RunSampler`` shows each tile of that dataset once. The tile of the smaller dataset
    is drawn at random with the seed of the index (``SampleKey``), and each pipeline runs with its
    own seed. So a pair depends only on the seed of the run and on its position in the run. If the
    index has no seed, the tiles of the smaller dataset are used in turn.

    A sample is ``dict(inputs=dict(source=…, target=…), data_samples=dict(source=…, target=…))``,
    with a third key ``translated`` if there is such a dataset.
    """

    source: InitVar[Mapping | RGBDSegDataset]  # the dataset or its config
    target: InitVar[Mapping | RGBDSegDataset]
    # Draw the tiles of both datasets at random with replacement, as the released code of DRDG does.
    # An epoch then shows about 63 % (1 - 1/e) of the tiles of the larger dataset.
    replacement: bool = False
    # Use each index, with its seed, unchanged for the source, even if the target is larger. Then
    # the source samples are the same as in a training on the source alone.
    source_first: bool = False
    # A dataset of translated source images. Its tiles are drawn at random, independently of those
    # of the source.
    translated: InitVar[Mapping | RGBDSegDataset | None] = None

    def __post_init__(self, source: Any, target: Any, translated: Any) -> None:
        if self.replacement and self.source_first:
            raise UserError('DomainPairDataset: set replacement or source_first, not both.')
        self.sets: dict[str, RGBDSegDataset] = {
            name: DATASETS.build(dict(item)) if isinstance(item, Mapping) else item
            for name, item in (('source', source), ('target', target), ('translated', translated))
            if item is not None
        }
        # If both are equally large, max() returns the first, which is the source.
        by_size = max(self.sets, key=lambda name: len(self.sets[name]))
        self.larger = 'source' if self.source_first else by_size

    @property
    def metainfo(self) -> dict:
        """Classes and colours of the source, which has the labels."""
        return self.sets['source'].metainfo

    def full_init(self) -> None:
        """Initialise the datasets; mmengine calls this on every dataset that it builds."""
        for dataset in self.sets.values():
            dataset.full_init()

    def __len__(self) -> int:
        return len(self.sets[self.larger])

    def __getitem__(self, idx: int) -> dict:
        if not 0 <= idx < len(self):
            # Without an IndexError, `for pair in dataset` would never end.
            raise IndexError(f'there is no pair {int(idx)}: the dataset has {len(self)} pairs')
        pair: dict[str, dict] = dict(inputs={}, data_samples={})
        for name, dataset in self.sets.items():
            sample = dataset[self._key(name, idx)]
            for field, domains in pair.items():
                domains[name] = sample[field]
        return pair

    def get_data_info(self, idx: int) -> dict[str, dict]:
        """Return the records of the samples of a pair."""
        return {
            name: dataset.get_data_info(int(self._key(name, idx)))
            for name, dataset in self.sets.items()
        }

    def _key(self, name: str, idx: int) -> int:
        """Return the index of the tile in one dataset, with its own seed if ``idx`` has one."""
        if self.source_first and name == 'source':
            return idx
        size = len(self.sets[name])
        seed = getattr(idx, 'seed', None)
        if seed is None:
            return int(idx) % size
        in_turn = name == self.larger and not self.replacement
        tile = int(idx) if in_turn else derive_seed(seed, name, 'tile') % size
        return SampleKey(tile, derive_seed(seed, name, 'sample'))
