"""Train any segmentor with unlabelled target images in addition to the labelled source."""

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmengine.model import BaseModel
from mmseg.registry import MODELS
from mmseg.utils import ConfigType, OptConfigType, SampleList, add_prefix
from torch import Tensor, nn

from depthda.checkpoints.fit import FilledCompletely
from depthda.errors import UserError
from depthda.models.adaptation.step import AdaptationStep, weighted
from depthda.models.adaptation.trans_norm import TransNorm


@MODELS.register_module()
class DomainAdaptation(FilledCompletely, BaseModel):
    r"""Add losses on target images to a segmentor.

    .. math:: L = w_s L_{seg}(x_s, y_s) + w_p L_{seg}(\tilde x, \tilde y, \tilde w) + \sum_k L_k

    The second term is self-training on target images with pseudo-labels and their weights, mixed
    with the source if there is a ``mix``. Each L_k is one of ``terms``. Without self-training and
    terms, training is bit for bit that on the source alone. Tests use the segmentor alone.

    Training needs batches of ``DomainPairDataset``, whose target samples have no labels.

    Args:
        segmentor: Config of any segmentor of the project.
        teacher: Config of the model that labels the target (``EMATeacher``); None means the student
            itself, in eval mode.
        pseudo: Config of the rule that turns probabilities into pseudo-labels; None means no
            self-training.
        mix: Config of the module that mixes source and target (``ClassMix``); None means training
            on the target images themselves.
        augmentation: Configs of the augmentations of the student's target and mixed images.
        terms: Configs of further losses. If any has a critic (``OutputAdversary``),
            ``optim_wrapper`` needs one optimiser for ``segmentor`` and one for ``critics``, see
            ``PartsOptimWrapperConstructor``.
        warm_up: Number of iterations at the start that train on the source alone.
        source_weight, pseudo_weight: w_s and w_p.
        data_preprocessor: Config; None means the segmentor's preprocessor for both domains.
    """

    def __init__(
        self,
        segmentor: ConfigType,
        teacher: OptConfigType = None,
        pseudo: OptConfigType = None,
        mix: OptConfigType = None,
        augmentation: Sequence[ConfigType] = (),
        terms: Sequence[ConfigType] = (),
        warm_up: int = 0,
        source_weight: float = 1.0,
        pseudo_weight: float = 1.0,
        data_preprocessor: OptConfigType = None,
    ) -> None:
        shared = dict(type='PairPreprocessor', source=segmentor.get('data_preprocessor'))
        super().__init__(MODELS.build(data_preprocessor or shared))
        self.segmentor = MODELS.build(segmentor)
        if self.segmentor.out_channels != self.segmentor.num_classes:
            raise UserError(
                'DomainAdaptation computes pseudo-labels by a softmax over the classes: set '
                'out_channels of the decode head to the number of classes (2 for two classes).'
            )
        self.teacher, self.pseudo, self.mix = (
            part and MODELS.build(part) for part in (teacher, pseudo, mix)
        )
        self.augmentation = nn.ModuleList(map(MODELS.build, augmentation))
        self.terms = nn.ModuleList(map(MODELS.build, terms))
        need_pseudo = [type(term).__name__ for term in self.terms if hasattr(term, 'needs_pseudo')]
        named = dict(teacher=teacher, mix=mix, augmentation=augmentation)
        need_pseudo += [name for name, part in named.items() if part]
        if need_pseudo and not pseudo:
            part = need_pseudo[0]
            raise UserError(f'{part} of DomainAdaptation needs pseudo-labels: set pseudo=...')
        for part in (self.teacher, self.pseudo, *self.terms):
            if hasattr(part, 'follow'):
                part.follow(self.segmentor)
        if any(hasattr(term, 'critic') for term in self.terms):
            self.parts = dict(segmentor=('segmentor',), critics=('terms',))
        norms = [part for part in self.segmentor.modules() if isinstance(part, TransNorm)]
        if norms and pseudo:
            raise UserError(
                'DomainAdaptation: TransNorm trains on half source and half target images, so it '
                'cannot be combined with self-training: leave out pseudo=..., or use another norm.'
            )
        for norm in norms:
            norm.has_pairs = True
        self.is_joint = bool(norms)
        self.warm_up = warm_up
        self.source_weight = source_weight
        self.pseudo_weight = pseudo_weight
        self.last_labels: Tensor | None = None  # pseudo-labels, read by CollapseHook

    sums_losses = True  # one backward pass for segmentor and critics

    @property
    def num_classes(self) -> int:
        return self.segmentor.num_classes

    def init_weights(self) -> None:
        """Initialise the segmentor once; its copies get their weights in the first iteration."""
        if not self.is_init:
            self.segmentor.init_weights()

    def forward(
        self, inputs: Any, data_samples: Any = None, mode: str = 'tensor'
    ) -> Tensor | SampleList | dict[str, Tensor]:
        """Compute the losses of a pair (mode ``'loss'``), or predict with the segmentor."""
        if mode != 'loss':
            return self.segmentor(inputs, data_samples, mode=mode)
        if not isinstance(inputs, dict) or inputs.keys() != {'source', 'target'}:
            raise UserError(
                'DomainAdaptation trains on pairs of source and target images: set '
                "train_dataloader.dataset=dict(type='DomainPairDataset', source=..., target=...)."
            )
        iteration = int(MessageHub.get_current_instance().get_info('iter', 0) or 0)
        return self.losses(AdaptationStep(self, inputs, data_samples, iteration))

    def losses(self, step: AdaptationStep) -> dict[str, Tensor]:
        for part in (self.teacher, self.pseudo, *self.terms):
            if hasattr(part, 'update'):
                part.update(self.segmentor, step.iteration)
        losses = dict(weighted(step.source_losses, self.source_weight))
        if step.is_warm_up:
            for term in (term for term in self.terms if getattr(term, 'in_warm_up', False)):
                losses |= term(step)
            return losses
        if self.pseudo is not None and self.pseudo_weight:
            self_training = step.self_training_losses(self.pseudo_weight)
            losses |= add_prefix(self_training, 'mix' if self.mix else 'target')
            self.last_labels, weights = step.pseudo_labels
            losses['pseudo_weight'] = weights.mean()
        for term in self.terms:
            losses |= term(step)
        return losses

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Return the teacher's class probabilities (N, K, H, W) of preprocessed images."""
        if self.teacher is not None:
            return self.teacher.probabilities(images)
        metas, training = [dict(img_shape=images.shape[2:])] * len(images), self.segmentor.training
        try:
            logits = self.segmentor.eval().encode_decode(images, metas)
            return logits[:, : self.num_classes].softmax(1)
        finally:
            self.segmentor.train(training)

    def val_step(self, data: Any) -> SampleList:
        """Predict with the segmentor, which has its own preprocessor."""
        return self.segmentor.val_step(data)

    def test_step(self, data: Any) -> SampleList:
        """Predict with the segmentor, which has its own preprocessor."""
        return self.segmentor.test_step(data)
