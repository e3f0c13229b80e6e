"""mmseg's encoder-decoder with batched sliding windows and strict loading of checkpoints."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import SampleList, add_prefix
from torch import Tensor, nn

from depthda.checkpoints.fit import FilledCompletely
from depthda.errors import UserError
from depthda.models.segmentors.sliding_window import slide_inference, slide_labels


@MODELS.register_module()
class DepthGuidedEncoderDecoder(FilledCompletely, EncoderDecoder):
    """mmseg's ``EncoderDecoder`` with sliding windows that go through the model in batches.

    With ``DualBackbone`` and a fusion neck this is DepthDA; with another backbone and no neck it is
    an RGB-only model. In training, the losses of a neck with a method ``loss(features, valid)`` are
    added.

    To test with sliding windows, set
    ``test_cfg=dict(mode='slide', crop_size=(h, w), stride=(h, w), window_batch=4)``. The default
    ``window_batch`` is 4, which needs less memory than training at batch size 4, because a test
    keeps no activations. ``mode='whole'`` works as in mmseg.

    A checkpoint of another model is refused, even by mmseg's ``init_model``, which would otherwise
    load the weights that fit and leave the others random. Only
    ``load_state_dict(..., strict=False)`` of ``torch`` accepts it.

    Attributes:
        keep_logits: Whether predictions have ``seg_logits``. False saves the memory of the logits
            of the complete image; the predicted map is the same.
    """

    keep_logits = True

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        channels = getattr(self.neck, 'out_channels', None) if self.with_neck else None
        if isinstance(channels, list):  # the neck is a fusion, with one value per stage
            _check_channels('decode_head', self.decode_head, self.neck, channels)
            if self.with_auxiliary_head:
                heads = self.auxiliary_head
                for head in heads if isinstance(heads, nn.ModuleList) else (heads,):
                    _check_channels('auxiliary_head', head, self.neck, channels)

    def init_weights(self) -> None:
        """Initialise only once; a resumed model already has the weights of its checkpoint."""
        if not self.is_init:
            super().init_weights()

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Compute the losses of the heads and, if the neck has any, those of the neck."""
        encoded = self.backbone(inputs)
        features = self.neck(encoded) if self.with_neck else encoded
        losses = self._decode_head_forward_train(features, data_samples)
        if self.with_auxiliary_head:
            losses |= self._auxiliary_head_forward_train(features, data_samples)
        if self.with_neck and hasattr(self.neck, 'loss'):
            losses |= add_prefix(self.neck.loss(encoded, self._valid(inputs, data_samples)), 'neck')
        return losses

    def _valid(self, inputs: Tensor, data_samples: SampleList) -> Tensor:
        """Mark the pixels (N, H, W) that have a label and depth."""
        labels = torch.cat([sample.gt_sem_seg.data for sample in data_samples])
        return (labels != self.decode_head.ignore_index) & inputs[:, -1].isfinite()

    def predict(self, inputs: Tensor, data_samples: SampleList | None = None) -> SampleList:
        """Predict as mmseg does; without ``keep_logits``, turn logits into labels row by row."""
        if self.keep_logits or not self._labels_suffice(inputs, data_samples):
            return super().predict(inputs, data_samples)
        metas = [sample.metainfo for sample in data_samples]
        labels = slide_labels(self.encode_decode, inputs, metas, **self._windows())
        for sample, meta, label in zip(data_samples, metas, labels, strict=True):
            rows, columns = _inside(meta, inputs)
            sample.set_data({'pred_sem_seg': PixelData(data=label[:, rows, columns])})
        return data_samples

    def _labels_suffice(self, inputs: Tensor, data_samples: SampleList | None) -> bool:
        """Return whether labels can be predicted without flipping or resizing logits."""
        if self.test_cfg.mode != 'slide' or self.out_channels == 1 or data_samples is None:
            return False
        for meta in (sample.metainfo for sample in data_samples):
            size = tuple(part.stop - part.start for part in _inside(meta, inputs))
            if meta.get('flip') or size != tuple(meta['ori_shape']):
                return False
        return True

    def slide_inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Return the logits (N, K, H, W) averaged over overlapping windows."""
        return slide_inference(self.encode_decode, inputs, batch_img_metas, **self._windows())

    def _windows(self) -> dict[str, Any]:
        for key in ('crop_size', 'stride'):
            if key not in self.test_cfg:
                raise UserError(f"model.test_cfg has mode='slide' but no {key}: set {key}=(h, w).")
        return dict(
            crop=self.test_cfg['crop_size'],
            stride=self.test_cfg['stride'],
            window_batch=self.test_cfg.get('window_batch', 4),
        )


def _inside(meta: dict, inputs: Tensor) -> tuple[slice, slice]:
    """Return the rows and columns of the image without its padding."""
    left, right, top, bottom = meta.get('img_padding_size', meta.get('padding_size', [0] * 4))
    return slice(top, inputs.shape[2] - bottom), slice(left, inputs.shape[3] - right)


def _check_channels(key: str, head: nn.Module, neck: nn.Module, channels: Sequence[int]) -> None:
    """Refuse a head whose ``in_channels`` do not match the stages that it reads.

    ``key`` is the key of the head in ``model``; ``channels`` are the output channels of the neck,
    one value per stage. A head of mmseg may be wrapped as ``head``. Heads without ``in_index`` and
    ``in_channels`` are not checked.
    """
    if hasattr(head, 'head'):
        key, head = f'{key}.head', head.head
    index = getattr(head, 'in_index', None)
    expected = getattr(head, 'in_channels', None)
    if index is None or expected is None:
        return
    name = type(getattr(neck, 'fusion', neck)).__name__
    stages = [index] if isinstance(index, int) else list(index)
    if not all(-len(channels) <= stage < len(channels) for stage in stages):
        raise UserError(
            f'model.{key}.in_index={index} is out of range: {name} returns {len(channels)} stages, '
            'numbered from 0.'
        )
    read = [channels[stage] for stage in stages]
    # If a head concatenates the stages, mmseg replaces its in_channels by their sum.
    merged = [sum(read)] if getattr(head, 'input_transform', None) == 'resize_concat' else read
    if merged != ([expected] if isinstance(expected, int) else list(expected)):
        actual = read[0] if isinstance(index, int) else read
        raise UserError(
            f'model.{key} has in_channels={expected}, but {name} returns {actual} channels at '
            f'in_index={index}: set model.{key}.in_channels={actual}.'
        )
