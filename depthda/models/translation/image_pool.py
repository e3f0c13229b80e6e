"""A pool of earlier translations, which critics see besides the newest ones."""

import torch
from torch import Tensor, nn

from depthda.errors import UserError


class ImagePool(nn.Module):
    """Keep up to ``size`` translations, and return older ones in place of new ones.

    Until the pool is full, every new image is added to it and returned. After that, a new image is
    returned with probability ½. Otherwise it replaces a random image of the pool, which is
    returned. Citation: A. Shrivastava et al., "Learning from Simulated and Unsupervised Images
    through Adversarial Training", CVPR 2017; CycleGAN keeps 50 images for each critic.

    The images are a buffer, so that a resumed training continues with them. Random numbers come
    from torch's generator on the CPU, which is seeded by iteration. Each process of a distributed
    training has its own pool, and checkpoints hold the pool of the first process.
    """

    # Names of the buffers whose size in a checkpoint may differ from that in a new model.
    growing = ('images',)

    def __init__(self, size: int = 50) -> None:
        super().__init__()
        if size < 1:
            raise UserError(f'pool_size={size}: give 1 or more.')
        self.size = size
        self.register_buffer('images', torch.empty(0))

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Return as many images (N, B, H, W) as are given, in single precision."""
        returned = []
        for image in images.float():
            if len(self.images) < self.size:
                self.images = torch.cat([self.images, image[None]])
            elif torch.rand(()) < 0.5:
                place = int(torch.randint(self.size, ()))
                image, self.images[place] = self.images[place].clone(), image
            returned.append(image)
        return torch.stack(returned)

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args) -> None:
        found = state_dict.get(f'{prefix}images', self.images)
        self.images = self.images.new_empty(found.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)
