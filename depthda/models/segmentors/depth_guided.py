"""mmseg's encoder-decoder with windows in batches, filled by its own checkpoints alone."""

from typing import Any

import torch
from mmengine.structures import PixelData
from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from mmseg.utils import SampleList, add_prefix
from torch import Tensor, nn

from depthda.checkpoints.fit import complete_weights
from depthda.errors import UserError
from depthda.models.segmentors.head_channels import check_channels
from depthda.models.segmentors.sliding_window import slide_inference, slide_labels


@MODELS.register_module()
class DepthGuidedEncoderDecoder(EncoderDecoder):
    """mmseg's ``EncoderDecoder``; sliding windows go through the model in batches.

    With ``DualBackbone`` and a fusion neck it is DepthDA; with any other backbone and no neck it
    is that RGB-only model. A neck with a ``loss(features, valid)`` of its own adds it in training.

    ``test_cfg=dict(mode='slide', crop_size=(h, w), stride=(h, w), window_batch=4)``. Without
    ``window_batch`` four windows go at a time: the memory of a training step at batch 4 without
    its activations, so what trains also tests. ``mode='whole'`` is mmseg's.

    A checkpoint of another model is refused, also by mmseg's ``init_model``, which would take what
    fits and leave the rest random; ``torch``'s own ``load_state_dict(..., strict=False)`` is not.

    Attributes:
        keep_logits: Predictions carry ``seg_logits``. Where only the predicted map is used, False
            spares the logits of the whole image; what is predicted is the same.
    """

    keep_logits = True
    _told = False

    def __init__(self, *args, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        channels = getattr(self.neck, 'out_channels', None) if self.with_neck else None
        if isinstance(channels, list):  # a fusion's, stage by stage
            check_channels('decode_head', self.decode_head, self.neck, channels)
            if self.with_auxiliary_head:
                more = self.auxiliary_head
                for head in more if isinstance(more, nn.ModuleList) else (more,):
                    check_channels('auxiliary_head', head, self.neck, channels)

    def init_weights(self) -> None:
        """Initialise once; a resumed model has its weights from the checkpoint."""
        if not self.is_init:
            super().init_weights()

    def load_state_dict(self, state_dict: dict, *args, **kwargs) -> Any:
        """As torch does it, which tells of every mismatch, or is told not to."""
        self._told = True
        try:
            return super().load_state_dict(state_dict, *args, **kwargs)
        finally:
            self._told = False

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        # mmengine comes here directly and only logs what does not fit. A prefix means that this
        # model is part of another module, whose loader sees all keys.
        if not (prefix or self._told):
            weights = complete_weights(self, state_dict, 'use the config it was trained with')
            # In place: the loader goes on to the children with this dict.
            state_dict.clear()
            state_dict.update(weights)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """The heads' losses, and the neck's own if it has one."""
        encoded = self.backbone(inputs)
        features = self.neck(encoded) if self.with_neck else encoded
        losses = self._decode_head_forward_train(features, data_samples)
        if self.with_auxiliary_head:
            losses |= self._auxiliary_head_forward_train(features, data_samples)
        if self.with_neck and hasattr(self.neck, 'loss'):
            losses |= add_prefix(self.neck.loss(encoded, self._valid(inputs, data_samples)), 'neck')
        return losses

    def _valid(self, inputs: Tensor, data_samples: SampleList) -> Tensor:
        """(N, H, W) the pixels that have a label and depth."""
        labels = torch.cat([sample.gt_sem_seg.data for sample in data_samples])
        return (labels != self.decode_head.ignore_index) & inputs[:, -1].isfinite()

    def predict(self, inputs: Tensor, data_samples: SampleList | None = None) -> SampleList:
        """As mmseg does it; without ``keep_logits`` windows become labels row by row."""
        if self.keep_logits or not self._labels_suffice(inputs, data_samples):
            return super().predict(inputs, data_samples)
        metas = [sample.metainfo for sample in data_samples]
        labels = slide_labels(self.encode_decode, inputs, metas, **self._windows())
        for sample, meta, label in zip(data_samples, metas, labels, strict=True):
            rows, columns = _inside(meta, inputs)
            sample.set_data({'pred_sem_seg': PixelData(data=label[:, rows, columns])})
        return data_samples

    def _labels_suffice(self, inputs: Tensor, data_samples: SampleList | None) -> bool:
        """Whether logits are neither turned nor resized on their way to the predicted map."""
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
                raise UserError(f"model.test_cfg has mode='slide' but no {key}: add {key}=(h, w).")
        return dict(
            crop=self.test_cfg['crop_size'],
            stride=self.test_cfg['stride'],
            out_channels=self.out_channels,
            window_batch=self.test_cfg.get('window_batch', 4),
        )


def _inside(meta: dict, inputs: Tensor) -> tuple[slice, slice]:
    """Rows and columns of the image without its padding."""
    left, right, top, bottom = meta.get('img_padding_size', meta.get('padding_size', [0] * 4))
    return slice(top, inputs.shape[2] - bottom), slice(left, inputs.shape[3] - right)
