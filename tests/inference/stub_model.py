"""A model whose logits depend on a small neighbourhood, and scenes with a place on the map."""

import numpy as np
import torch
from mmengine.config import Config
from rasterio.transform import from_origin
from tiny_rasters import write_raster
from torch import nn

from depthda.inference.trained_model import TrainedModel
from depthda.models.preprocessor import RGBDDataPreprocessor

CLASSES = ('water', 'forest', 'field', 'roof')
PALETTE = ((0, 0, 255), (0, 128, 0), (255, 200, 100), (255, 0, 0))


class Convolution(nn.Module):
    """Two 5 × 5 convolutions, so that the border of a window matters; it counts its windows."""

    def __init__(self, channels, reads_depth):
        super().__init__()
        self.data_preprocessor = RGBDDataPreprocessor(
            mean=[100.0] * 3,
            std=[50.0] * 3,
            bgr_to_rgb=True,
            depth='input' if reads_depth else 'drop',
        )
        generator = torch.Generator().manual_seed(3)
        self.first = nn.Conv2d(channels, 6, 5, padding=2)
        self.last = nn.Conv2d(6, len(CLASSES), 5, padding=2)
        for parameter in self.parameters():
            parameter.data.normal_(0, 0.3, generator=generator)
        self.test_cfg = dict(crop_size=(32, 32))
        self.windows = 0

    def encode_decode(self, inputs, metas):
        self.windows += len(inputs)
        return self.last(torch.tanh(self.first(inputs.nan_to_num(0.0))))


class Uncounted(Convolution):
    """The same without its counter, which an exported program cannot have."""

    def encode_decode(self, inputs, metas):
        return self.last(torch.tanh(self.first(inputs.nan_to_num(0.0))))


def stub_model(reads_depth=False, counted=True):
    network = (Convolution if counted else Uncounted)(3 + reads_depth, reads_depth).eval()
    about = dict(sha256='0' * 12, file='stub.pth')
    return TrainedModel(network, CLASSES, PALETTE, Config(dict(model=dict(type='stub'))), about)


def write_scene(path, height=70, width=90, bands=3, dtype='uint8', values=None, **profile):
    """Write values (bands, H, W), or random ones, with a place on the map; return them."""
    if values is None:
        rng = np.random.default_rng(height * width + bands)
        top = 255 if dtype == 'uint8' else 4000
        coarse = rng.uniform(1, top, (bands, -(-height // 8), -(-width // 8)))
        values = coarse.repeat(8, 1).repeat(8, 2)[:, :height, :width].astype(dtype)
    place = dict(crs='EPSG:32632', transform=from_origin(500_000, 5_400_000, 0.5, 0.5))
    write_raster(path, np.moveaxis(values, 0, -1), **place | profile)
    return values
