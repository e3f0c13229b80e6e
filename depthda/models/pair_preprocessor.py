"""Preprocessing of batches with source and target images."""

from mmengine.model import BaseDataPreprocessor
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, OptConfigType

from depthda.errors import UserError


@MODELS.register_module()
class PairPreprocessor(BaseDataPreprocessor):
    """Apply an ordinary preprocessor to the source images and another to the target images.

    A batch of ``DomainPairDataset`` has ``inputs`` and ``data_samples``, two dicts with the keys
    ``source`` and ``target``; one of the keys may be absent. Translated source images, under the
    key ``translated``, are prepared as source images. The result has the same keys.

    Args:
        source: Config of the preprocessor of source images.
        target: Config of the preprocessor of target images; None means the config of ``source``.
    """

    def __init__(self, source: ConfigType, target: OptConfigType = None) -> None:
        super().__init__()
        self.source = MODELS.build(source)
        self.target = MODELS.build(target or source)

    def to(self, *args, **kwargs) -> 'PairPreprocessor':
        """Move both preprocessors, because each remembers the device for its data."""
        self.source.to(*args, **kwargs)
        self.target.to(*args, **kwargs)
        return super().to(*args, **kwargs)

    def forward(self, data: dict, training: bool = False) -> dict[str, dict]:
        """Return ``inputs`` and ``data_samples`` as dicts of the results for each domain."""
        if not isinstance(data['inputs'], dict):
            raise UserError(
                'this model trains on pairs of source and target images: set '
                "train_dataloader.dataset=dict(type='DomainPairDataset', source=..., target=...)."
            )
        samples = data.get('data_samples') or {}
        pair: dict[str, dict] = dict(inputs={}, data_samples={})
        for domain, images in data['inputs'].items():
            batch = dict(inputs=images, data_samples=samples.get(domain))
            try:
                result = (self.target if domain == 'target' else self.source)(batch, training)
            except UserError as error:
                raise UserError(f'{domain}: {error}') from error
            for key, by_domain in pair.items():
                by_domain[domain] = result[key]
        sizes = {domain: len(batch) for domain, batch in pair['inputs'].items()}
        if len(set(sizes.values())) > 1:
            counts = ' and '.join(f'{size} {domain}' for domain, size in sizes.items())
            raise UserError(
                f'a batch has {counts} images: use the same number of images in both domains.'
            )
        return pair
