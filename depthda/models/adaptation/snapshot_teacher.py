"""A teacher that is a copy of the student as it was at the last refresh."""

import torch
from mmseg.registry import MODELS
from torch import nn

from depthda.errors import UserError
from depthda.models.adaptation.ema_teacher import EMATeacher


@MODELS.register_module()
class SnapshotTeacher(EMATeacher):
    """Copy the student at iterations 0, ``every``, 2 × ``every`` …, and stay as it is between.

    Methods that write files of pseudo-labels every n iterations (CBST, IAST) label with the weights
    of that moment; so does this teacher, on the crops of the training.

    Args:
        every: Iterations between two copies.
    """

    def __init__(self, every: int = 1000) -> None:
        super().__init__(momentum=0.0)
        if every < 1:
            raise UserError(f'SnapshotTeacher: every={every}: take 1 or more.')
        self.every = every

    @torch.no_grad()
    def update(self, segmentor: nn.Module, iteration: int) -> None:
        """Copy the student if it is time."""
        if iteration % self.every == 0:
            self.model.load_state_dict(segmentor.state_dict())
