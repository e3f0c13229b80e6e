"""Random pairs of a source and a target tile, for translation between two domains."""

from collections.abc import Mapping

from mmseg.registry import DATASETS

from depthda.datasets.rgbd import RGBDSegDataset
from depthda.randomness import SampleKey, derive_seed


@DATASETS.register_module()
class DomainPairDataset:
    """Unpaired tiles of two sets, as many pairs as the larger set has tiles.

    The index counts through the larger set (the source, if they are equal), so an epoch of
    ``RunSampler`` shows each of its tiles once; the tile of the other set is drawn at random with
    the seed that the index carries (``SampleKey``). Each set's pipeline runs under a seed of its
    own. So a pair depends on the seed of the run and the position in it alone. An index without a
    seed takes the other set's tiles in turn.

    A sample is ``dict(inputs=dict(source=…, target=…), data_samples=dict(source=…, target=…))``.

    Args:
        source, target: The two sets, or their configs.
        replacement: Draw the tiles of both sets at random with replacement, as the released code of
            DRDG does: an epoch then shows about 63 % of the larger set.
    """

    def __init__(
        self,
        source: Mapping | RGBDSegDataset,
        target: Mapping | RGBDSegDataset,
        replacement: bool = False,
    ) -> None:
        self.replacement = replacement
        self.sets: dict[str, RGBDSegDataset] = {
            name: DATASETS.build(dict(item)) if isinstance(item, Mapping) else item
            for name, item in (('source', source), ('target', target))
        }
        # max() takes the first of equals.
        self.larger = max(self.sets, key=lambda name: len(self.sets[name]))

    @property
    def metainfo(self) -> dict:
        """Classes and colours of the source, which is the one with labels."""
        return self.sets['source'].metainfo

    def full_init(self) -> None:
        """mmengine calls this on every set that it builds."""
        for dataset in self.sets.values():
            dataset.full_init()

    def __len__(self) -> int:
        return len(self.sets[self.larger])

    def __getitem__(self, idx: int) -> dict:
        if not 0 <= idx < len(self):
            # What ends a plain `for pair in dataset`.
            raise IndexError(f'there is no pair {int(idx)} among {len(self)}')
        pair: dict[str, dict] = dict(inputs={}, data_samples={})
        for name, dataset in self.sets.items():
            sample = dataset[self._key(name, idx)]
            for field, domains in pair.items():
                domains[name] = sample[field]
        return pair

    def get_data_info(self, idx: int) -> dict[str, dict]:
        """The records of both files of a pair."""
        return {
            name: dataset.get_data_info(int(self._key(name, idx)))
            for name, dataset in self.sets.items()
        }

    def _key(self, name: str, idx: int) -> int:
        """The index of one set's tile, with a seed of its own where ``idx`` has one."""
        size = len(self.sets[name])
        seed = getattr(idx, 'seed', None)
        if seed is None:
            return int(idx) % size
        in_turn = name == self.larger and not self.replacement
        tile = int(idx) if in_turn else derive_seed(seed, name, 'tile') % size
        return SampleKey(tile, derive_seed(seed, name, 'sample'))
