"""The interface that prediction needs of a model, and the loading of a model by its name."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from depthda.errors import UserError

if TYPE_CHECKING:  # mmengine is not imported here, because exported programs do not need it
    from mmengine.config import Config


class LandCoverModel(Protocol):
    """A model that predicts land cover: from a checkpoint, a bundle or an exported program."""

    classes: tuple[str, ...]  # names, in the order of their indices
    palette: tuple[tuple[int, int, int], ...]  # a colour (red, green, blue) for each class
    # Records of its checkpoint: ``file``, ``sha256``, ``selection``, ``trained_on``,
    # ``experiment``, ``gsd`` (pixel size in metres).
    about: Mapping[str, Any]
    bands: int  # number of optical bands
    band_order: list[int]  # bands of a file, counted from 1, in the order of the network's channels
    parameters: int  # number of its parameters
    dtype: str  # type of the image values that it was trained on
    # Means and standard deviations that it expects: of red, green and blue first, of depth last.
    statistics: tuple[list[float], list[float]]
    architecture: str  # names of its components
    needs_depth: bool  # whether it reads depth at test time
    depth_source: str | None  # the depth maps that it was trained with; None: it reads no depth
    window: tuple[int, int]  # height and width of the windows that it was tested with
    device: torch.device  # on which it computes

    def logits(self, images: list[Tensor], amp: bool = False) -> Tensor:
        """Return logits (N, K, H, W) of images of one size, (B, H, W) or (B + 1, H, W) with depth.

        Values are those of the files, with blue, green and red first; depth is in (0, 1], and 0
        where it is missing. With ``amp`` the network computes in bfloat16 where it is safe.
        """


def load_model(
    name: str | Path, config: 'str | Path | Config | None' = None, device: str = 'cpu'
) -> LandCoverModel:
    """Load a model from a checkpoint (``.pth``), a program (``.pt2``), or a bundle.

    The name of a bundle is its folder or its id on the hub.
    """
    path = Path(name).expanduser()
    if path.is_file() and path.suffix.lower() == '.pt2':
        from depthda.inference.exported import load_program

        return load_program(path, device)
    # Imported here and not above, because these modules import the networks.
    from depthda.inference import bundle, trained_model

    if path.is_dir():
        return bundle.load_bundle(path, device)
    if path.is_file():
        return trained_model.load_checkpoint_model(path, config, device)
    if bundle.is_hub_name(str(name)):
        return bundle.load_hub_bundle(str(name), device)
    raise UserError(f'there is no checkpoint or bundle {name}: correct the path.')
