"""Teachers: copies of the student that are updated slowly or at intervals."""

import copy

import torch
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.errors import UserError


@MODELS.register_module()
class EMATeacher(nn.Module):
    r"""Keep a moving average of the student's weights, and predict with it.

    Before iteration i (counted from 0), the teacher's parameters θ' become

    .. math:: \theta' \leftarrow m_i \theta' + (1 - m_i) \theta, \qquad
        m_i = \min(1 - 1 / (i + 1), m)

    where θ are the student's parameters. So the first update copies the student. The teacher stays
    in eval mode and gets no gradient. Its buffers, such as the statistics of batch norm, are copied
    from the student.

    Args:
        momentum: m, the largest m_i.
    """

    def __init__(self, momentum: float = 0.999) -> None:
        super().__init__()
        if not 0 <= momentum < 1:
            raise UserError(f'momentum={momentum} of EMATeacher must be in [0, 1).')
        self.momentum = momentum

    def follow(self, segmentor: nn.Module) -> None:
        """Copy the student; :meth:`update` then moves the copy towards it."""
        self.model = copy.deepcopy(segmentor).requires_grad_(False)
        self.model.eval()

    def train(self, mode: bool = True) -> 'EMATeacher':
        return super().train(False)

    @torch.no_grad()
    def update(self, segmentor: nn.Module, iteration: int) -> None:
        """Move towards the student."""
        momentum = min(1 - 1 / (iteration + 1), self.momentum)
        if momentum == 0:
            self.model.load_state_dict(segmentor.state_dict())
        own, others = list(self.model.parameters()), list(segmentor.parameters())
        torch._foreach_lerp_(own, [other.detach() for other in others], 1 - momentum)
        for buffer, other in zip(self.model.buffers(), segmentor.buffers(), strict=True):
            buffer.copy_(other)

    @torch.no_grad()
    def probabilities(self, images: Tensor) -> Tensor:
        """Return the class probabilities (N, K, H, W) of preprocessed images."""
        metas = [dict(img_shape=images.shape[2:])] * len(images)
        # A model may add further channels, such as predicted depth.
        return self.model.encode_decode(images, metas)[:, : self.model.num_classes].softmax(1)


@MODELS.register_module()
class SnapshotTeacher(EMATeacher):
    """Copy the student at iterations 0, ``every``, 2 × ``every`` …, and do not change in between.

    CBST and IAST write pseudo-labels to files every n iterations. This teacher has the weights that
    they would label with, but labels the training crops instead.

    Args:
        every: Iterations between two copies.
    """

    def __init__(self, every: int = 1000) -> None:
        super().__init__(momentum=0.0)
        if every < 1:
            raise UserError(f'every={every} of SnapshotTeacher must be 1 or more.')
        self.every = every

    @torch.no_grad()
    def update(self, segmentor: nn.Module, iteration: int) -> None:
        """Copy the student if ``iteration`` is a multiple of ``every``."""
        if iteration % self.every == 0:
            self.model.load_state_dict(segmentor.state_dict())
