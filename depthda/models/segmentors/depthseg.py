"""DepthSeg: a frozen ViT, an adapter, depth prompts, and a decoder that combines them."""

from collections.abc import Sequence

import torch
from mmengine.structures import PixelData
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, OptConfigType, SampleList
from torch import Tensor

from depthda.depth.monocular.depth_anything import whole_patches
from depthda.errors import UserError
from depthda.models.depthseg.depth_decoder import DepthPrediction
from depthda.models.features import GuidedFeatures
from depthda.models.segmentors.depth_guided import DepthGuidedEncoderDecoder
from depthda.models.tensors import resized


@MODELS.register_module()
class DepthSeg(DepthGuidedEncoderDecoder):
    """Predict land cover from optical bands only, with depth as a second task in training.

    The depth decoder reads the encoder's features, the semantic decoder reads adapted features.
    Images are enlarged to a multiple of the patch size. Logits and depth have the size of the
    original image.

    Args:
        backbone: Config of a plain ViT, frozen.
        decode_head: Config of the semantic decoder.
        adapter: Config of the adapter; with None the head reads the encoder's features.
        depth_decoder, prompter: Configs; both are None in a model without depth.
        loss_depth: Config of the loss between predicted depth and the teacher's depth.
        teacher: Config of a model that predicts the teacher's depth during training; None means
            that this depth is the last channel of the images.
        keep_depth: Whether predictions have the depth map as ``pred_depth``.
        **kwargs: Further arguments of ``DepthGuidedEncoderDecoder``.
    """

    def __init__(
        self,
        backbone: ConfigType,
        decode_head: ConfigType,
        adapter: OptConfigType = None,
        depth_decoder: OptConfigType = None,
        prompter: OptConfigType = None,
        loss_depth: OptConfigType = None,
        teacher: OptConfigType = None,
        keep_depth: bool = False,
        **kwargs,
    ) -> None:
        parts = dict(depth_decoder=depth_decoder, prompter=prompter, loss_depth=loss_depth)
        missing = [name for name, part in parts.items() if part is None]
        if 0 < len(missing) < 3:
            raise UserError(
                f'DepthSeg has no {" and no ".join(missing)}: set all of depth_decoder, prompter '
                'and loss_depth, or none of them.'
            )
        self.prompted = not missing
        if not self.prompted and (teacher or keep_depth):
            raise UserError(
                'DepthSeg has no depth_decoder: set it, or remove teacher and keep_depth.'
            )
        super().__init__(backbone=backbone, decode_head=decode_head, neck=adapter, **kwargs)
        if self.prompted:
            self.depth_decoder = MODELS.build(depth_decoder)
            self.prompter = MODELS.build(prompter)
            self.loss_depth = MODELS.build(loss_depth)
        self.teacher = MODELS.build(teacher) if teacher else None
        self.keep_depth = keep_depth
        self.out_channels += keep_depth  # depth is averaged over windows like another logit

    def extract_feat(self, inputs: Tensor) -> tuple[Tensor, ...]:
        """Return the features that the semantic decoder reads."""
        return self._encode(inputs, with_depth=False)[0]

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict[str, Tensor]:
        """Compute the losses of the heads, and the loss between predicted and teacher's depth."""
        features, predicted = self._encode(inputs)
        losses = self._decode_head_forward_train(features, data_samples)
        if self.with_auxiliary_head:
            losses |= self._auxiliary_head_forward_train(features, data_samples)
        if self.prompted:
            teacher, valid = self._teach(inputs)
            depth = resized(predicted.depth, inputs.shape[2:])
            losses['loss_depth'] = self.loss_depth(depth[:, 0], teacher, valid)
        return losses

    def encode_decode(self, inputs: Tensor, batch_img_metas: list[dict]) -> Tensor:
        """Return logits at the size of the images, plus a depth channel with ``keep_depth``."""
        features, predicted = self._encode(inputs, with_depth=self.keep_depth)
        logits = self.decode_head.predict(features, batch_img_metas, self.test_cfg)
        if not self.keep_depth:
            return logits
        depth = resized(predicted.depth, logits.shape[2:])
        return torch.cat([logits, depth.to(logits.dtype)], dim=1)

    def postprocess_result(
        self, seg_logits: Tensor, data_samples: SampleList | None = None
    ) -> SampleList:
        """Postprocess as mmseg does; depth is resized together with the logits."""
        samples = super().postprocess_result(seg_logits, data_samples)
        if self.keep_depth:
            for sample in samples:
                logits, depth = sample.seg_logits.data[:-1], sample.seg_logits.data[-1:]
                sample.seg_logits = PixelData(data=logits)
                sample.pred_sem_seg = PixelData(data=logits.argmax(dim=0, keepdim=True))
                sample.pred_depth = PixelData(data=depth.clamp(0, 1))
        return samples

    def _labels_suffice(self, inputs: Tensor, data_samples: SampleList | None) -> bool:
        # With keep_depth, depth is averaged over the windows as another channel of the logits.
        return not self.keep_depth and super()._labels_suffice(inputs, data_samples)

    def _encode(
        self, inputs: Tensor, with_depth: bool = True
    ) -> tuple[Sequence[Tensor], DepthPrediction | None]:
        """Return the features for the head and, if the model has it, the predicted depth."""
        config = self.backbone.model.config
        optical = whole_patches(inputs[:, : config.num_channels], config.patch_size)
        encoded = self.backbone(optical)
        features = self.neck(encoded) if self.with_neck else encoded
        if not self.prompted:
            return features, None
        if not with_depth:
            prompts = self.prompter(self.depth_decoder.prompt_features(encoded))
            return GuidedFeatures(features, prompts), None
        predicted = self.depth_decoder(encoded)
        return GuidedFeatures(features, self.prompter(predicted.features)), predicted

    def _teach(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return the teacher's depth in [0, 1] and where it is valid, both (N, H, W)."""
        bands = self.backbone.model.config.num_channels
        optical, depth = inputs[:, :bands], inputs[:, bands:]
        if self.teacher is None:
            if not depth.shape[1]:
                raise UserError(
                    'DepthSeg learns depth from maps that are loaded with the images, but there '
                    'are none: set depth=... of the dataset, or teacher=dict('
                    "type='DepthAnythingTeacher', weights=...) of the model."
                )
            preprocessor, depth = self.data_preprocessor, depth[:, 0]
            return depth * preprocessor.depth_std + preprocessor.depth_mean, depth.isfinite()
        # If depth is loaded too, its NaN also excludes padding and the corners of rotated images.
        valid = (depth[:, 0] if depth.shape[1] else optical[:, 0]).isfinite()
        return self.teacher(optical), valid
