"""mmseg's encoder-decoder with windows in batches."""

from mmseg.models.segmentors import EncoderDecoder
from mmseg.registry import MODELS
from torch import Tensor

from depthda.errors import UserError
from depthda.models.segmentors.sliding_window import slide_inference


@MODELS.register_module()
class DepthGuidedEncoderDecoder(EncoderDecoder):
    """mmseg's ``EncoderDecoder``; sliding windows go through the model in batches.

    With ``DualBackbone`` and a fusion neck it is DepthDA; with any other backbone and no neck it
    is that RGB-only model.

    ``test_cfg=dict(mode='slide', crop_size=(h, w), stride=(h, w), window_batch=4)``. Without
    ``window_batch`` four windows go at a time: the memory of a training step at batch 4 without
    its activations, so what trains also tests. ``mode='whole'`` is mmseg's.
    """

    def slide_inference(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Return the logits (N, K, H, W) averaged over overlapping windows."""
        for key in ('crop_size', 'stride'):
            if key not in self.test_cfg:
                raise UserError(f"model.test_cfg has mode='slide' but no {key}: add {key}=(h, w).")
        return slide_inference(
            self.encode_decode,
            inputs,
            batch_img_metas,
            crop=self.test_cfg['crop_size'],
            stride=self.test_cfg['stride'],
            out_channels=self.out_channels,
            window_batch=self.test_cfg.get('window_batch', 4),
        )
