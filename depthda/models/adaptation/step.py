"""Values that the parts of an adaptation share in one iteration, computed when first needed."""

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import torch
from mmengine.structures import PixelData
from mmseg.structures import SegDataSample
from mmseg.utils import SampleList
from torch import Tensor, nn

from depthda.errors import UserError
from depthda.models.adaptation.class_mix import LabelledImages
from depthda.models.adaptation.draws import SampleDraws
from depthda.models.adaptation.heads import heads, pixel_weights
from depthda.models.adaptation.pseudo_labels import IGNORED
from depthda.models.adaptation.recorded_pass import RecordedPass, recorded_pass
from depthda.models.features import PairedFeatures
from depthda.models.tensors import weighted

if TYPE_CHECKING:
    from depthda.models.adaptation.domain_adaptation import DomainAdaptation


class AdaptationStep:
    """The batch of both domains in one iteration, and the values computed from it.

    Iterations are counted from 0. Preprocessed images are (N, C, H, W), labels (N, H, W).
    """

    def __init__(
        self,
        model: 'DomainAdaptation',
        images: dict[str, Tensor],
        samples: dict[str, SampleList],
        iteration: int,
    ) -> None:
        self.model = model
        self.source_images, self.target_images = images['source'], images['target']
        self.source_samples, self.target_samples = samples['source'], samples['target']
        # Translated source images and their samples, if the dataset has them.
        self.translated = (
            (images['translated'], samples['translated']) if 'translated' in images else None
        )
        self.iteration = iteration
        sizes = [tuple(images[side].shape[2:]) for side in ('source', 'target')]
        if sizes[0] != sizes[1]:
            raise UserError(
                f'source images have {_format_size(sizes[0])} pixels, but target images have '
                f'{_format_size(sizes[1])}: crop both to the same size, or set size=(height, '
                'width) of the data_preprocessor.'
            )
        self.source_labels = torch.cat([sample.gt_sem_seg.data for sample in self.source_samples])
        self.draws = SampleDraws(self.target_samples)

    @property
    def segmentor(self) -> nn.Module:
        return self.model.segmentor

    @property
    def num_classes(self) -> int:
        return self.segmentor.num_classes

    @property
    def bands(self) -> int:
        """The number of optical bands."""
        return len(self.segmentor.data_preprocessor.mean)

    @property
    def is_warm_up(self) -> bool:
        return self.iteration < self.model.warm_up

    @cached_property
    def _encoded(self) -> tuple[Any, Any]:
        """Encoder features of source and target, computed in one batch if the norms need that."""
        if not self.model.is_joint:
            return None, None
        both = self.segmentor.backbone(torch.cat([self.source_images, self.target_images]))
        count = len(self.source_images)
        return _rows(both, slice(count)), _rows(both, slice(count, None))

    @cached_property
    def source_losses(self) -> dict[str, Tensor]:
        """The segmentor's own losses on the source."""
        with recorded_pass(self.segmentor, self._encoded[0]) as self._source:
            return self.segmentor.loss(self.source_images, self.source_samples)

    @property
    def source(self) -> RecordedPass:
        """Features and logits of the source images."""
        self.source_losses  # noqa: B018
        return self._source

    @cached_property
    def target(self) -> RecordedPass:
        """Features and logits of the target images, without augmentation."""
        with recorded_pass(self.segmentor, self._encoded[1]) as record:
            features = self.segmentor.extract_feat(self.target_images)
            for name, head in heads(self.segmentor).items():
                if '.' not in name:  # a dot: inside a TwinHead, which runs both copies
                    head(features)
        return record

    def self_training_losses(self, weight: float) -> dict[str, Tensor]:
        """Return the losses on the mixed images.

        If these are the plain target images, this pass also becomes :attr:`target`.
        """
        with recorded_pass(self.segmentor) as record:
            losses = self.losses(*self.mixed, weight)
        if self.mixed.images is self.target_images:
            self.target = record
        return losses

    @cached_property
    def pseudo_labels(self) -> tuple[Tensor, Tensor]:
        """Pseudo-labels and weights of the target images, (N, H, W) each, without gradients."""
        images = self.target_images
        with torch.no_grad():
            predictions = [self.model.probabilities(images)]
            if getattr(self.model.pseudo, 'needs_both', False):
                without_depth = images.clone()
                without_depth[:, self.bands :] = torch.nan
                predictions.append(self.model.probabilities(without_depth))
            labels, weights = self.model.pseudo(*predictions)
        return self._without_padding(labels), weights

    def _without_padding(self, labels: Tensor) -> Tensor:
        """Ignore the padding of target images that are smaller than a crop."""
        labels = labels.clone()
        for label, sample in zip(labels, self.target_samples, strict=True):
            height, width = unpadded(sample, label.shape)
            label[height:] = IGNORED
            label[:, width:] = IGNORED
        return labels

    @cached_property
    def mixed(self) -> LabelledImages:
        """The augmented target images, with pasted source classes if there is a ``mix``."""
        weights = torch.ones_like(self.source_labels, dtype=torch.float32)
        source = LabelledImages(self.source_images, self.source_labels, weights)
        target = LabelledImages(self.target_images, *self.pseudo_labels)
        mixed = target
        if self.model.mix:
            draw = self.draws.named('classes')
            mixed = self.model.mix(source, target, self.bands, self.num_classes, draw)
        return mixed._replace(images=self.augmented(mixed.images, 'mixed'))

    def augmented(self, images: Tensor, name: str) -> Tensor:
        """Augment images for the student; another ``name`` gives other random numbers."""
        preprocessor = self.segmentor.data_preprocessor
        for part in self.model.augmentation:
            draw = self.draws.named(f'{name}/{type(part).__name__}')
            images = part(images, preprocessor.mean, preprocessor.std, draw)
        return images

    def losses(
        self, images: Tensor, labels: Tensor, weights: Tensor, weight: float = 1.0
    ) -> dict[str, Tensor]:
        """Return the segmentor's losses on labelled images, times ``weight``."""
        samples = [
            SegDataSample(gt_sem_seg=PixelData(data=label[None]), metainfo=sample.metainfo)
            for label, sample in zip(labels, self.source_samples, strict=True)
        ]
        with pixel_weights(self.segmentor, weights):
            losses = self.segmentor.loss(images, samples)
        return weighted(losses, weight)


def _rows(features: Any, rows: slice) -> Any:
    """Return the features of some images of the batch."""
    if isinstance(features, Tensor):
        return features[rows]
    parts = [_rows(part, rows) for part in features]
    return PairedFeatures(*parts) if isinstance(features, PairedFeatures) else tuple(parts)


def unpadded(sample: SegDataSample, size: Sequence[int]) -> tuple[int, int]:
    """Return the height and width that an image of ``size`` had before padding."""
    _, right, _, bottom = sample.metainfo.get('padding_size', [0] * 4)
    return size[0] - bottom, size[1] - right


def _format_size(size: tuple[int, int]) -> str:
    return f'{size[0]} × {size[1]}'
