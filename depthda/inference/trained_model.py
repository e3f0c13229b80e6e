"""A trained model as one object: what it reads, what it predicts, and where it comes from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from torch import Tensor, nn

from depthda.checkpoints.fit import check_finite, complete_weights
from depthda.checkpoints.loading import file_hash, load_checkpoint_file
from depthda.datasets.transforms.load_multiband_image import swapped_bands
from depthda.engine.overrides import runtime_dicts, segmentor_config
from depthda.errors import UserError
from depthda.models.segmentors.depthseg import DepthSeg

_DEFAULT_WINDOW = 512
_STRIDE = 32  # stride of the coarsest features of an encoder, in pixels


@dataclass
class TrainedModel:
    """A ``LandCoverModel`` whose ``network`` is a segmentor in eval mode, with its preprocessor."""

    network: nn.Module
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    config: Config
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def bands(self) -> int:
        return self.network.data_preprocessor.mean.numel()

    @property
    def band_order(self) -> list[int]:
        converts = self.network.data_preprocessor._channel_conversion
        order = range(self.bands) if converts else swapped_bands(self.bands)
        return [band + 1 for band in order]

    @property
    def parameters(self) -> int:
        return sum(value.numel() for value in self.network.parameters())

    @property
    def dtype(self) -> str:
        return 'uint16' if float(self.network.data_preprocessor.mean.max()) > 255 else 'uint8'

    @property
    def statistics(self) -> tuple[list[float], list[float]]:
        prepared = self.network.data_preprocessor
        means, deviations = (part.flatten().tolist() for part in (prepared.mean, prepared.std))
        if not prepared._channel_conversion:
            means, deviations = ([*part[:3][::-1], *part[3:]] for part in (means, deviations))
        if self.needs_depth:
            means, deviations = [*means, prepared.depth_mean], [*deviations, prepared.depth_std]
        return means, deviations

    @property
    def architecture(self) -> str:
        parts = [getattr(self.network, part, None) for part in ('backbone', 'neck', 'decode_head')]
        kinds = ', '.join(type(part).__name__ for part in parts if part is not None)
        name = type(self.network).__name__
        return f'{name} ({kinds})' if kinds else name

    @property
    def needs_depth(self) -> bool:
        reads = self.network.data_preprocessor.depth == 'input'
        return reads and not isinstance(self.network, DepthSeg)

    @property
    def depth_source(self) -> str | None:
        trained_on = self.about.get('trained_on') or {}
        trained_on = trained_on.get('source') or trained_on
        folders = trained_on.get('data_prefix') or {}
        return folders.get('depth_path') if self.needs_depth else None

    @property
    def window(self) -> tuple[int, int]:
        crop = (self.network.test_cfg or {}).get('crop_size')
        return tuple(crop) if crop else (_DEFAULT_WINDOW, _DEFAULT_WINDOW)

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device

    @torch.inference_mode()
    def logits(self, images: list[Tensor], amp: bool = False) -> Tensor:
        """Return logits (N, K, H, W); see :meth:`.model.LandCoverModel.logits`."""
        batch = torch.stack(images).to(self.device, non_blocking=True)
        batch = self.network.data_preprocessor.normalize(batch)
        height, width = batch.shape[2:]
        if height % _STRIDE or width % _STRIDE:  # only images that are smaller than a window
            batch = whole_strides(batch, self.bands)
        metas = [dict(img_shape=batch.shape[2:])] * len(batch)
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=amp):
            logits = self.network.encode_decode(batch, metas)
        return logits[:, : len(self.classes), :height, :width].float()


def whole_strides(batch: Tensor, bands: int) -> Tensor:
    """Pad normalised images (N, C, H, W) at the bottom and right to multiples of the stride.

    In the padding, optical bands are 0, which is their mean, and depth is missing. No branch
    of the code depends on the size of the images, so an exported program takes images of any size.
    """
    height, width = batch.shape[2:]
    rows, columns = (
        torch.arange(-(-side // _STRIDE) * _STRIDE, device=batch.device) for side in (height, width)
    )
    outside = (rows >= height)[:, None] | (columns >= width)
    batch = batch.index_select(2, rows.clamp(max=height - 1))
    batch = batch.index_select(3, columns.clamp(max=width - 1))
    optical, depth = batch[:, :bands], batch[:, bands:]
    return torch.cat([optical.masked_fill(outside, 0), depth.masked_fill(outside, torch.nan)], 1)


def load_checkpoint_model(
    path: str | Path, config: str | Path | Config | None = None, device: str = 'cpu'
) -> TrainedModel:
    """Load the model of a checkpoint; ``config`` replaces the config in the checkpoint."""
    path = Path(path)
    checkpoint = load_checkpoint_file(path, map_location='cpu')
    meta = checkpoint.get('meta') or {}
    cfg = _config(config, meta, path)
    described = meta.get('dataset_meta') or {}
    classes, palette = described.get('classes'), described.get('palette')
    if not classes or not palette:
        raise UserError(
            f'{path} does not record the classes that it predicts: use a checkpoint that depthda '
            'train wrote.'
        )
    about = {key: meta.get(key) for key in ('selection', 'trained_on')}
    about |= dict(file=path.name, sha256=file_hash(path), experiment=meta.get('experiment_name'))
    about |= dict(gsd=described.get('gsd'))
    network = build_network(cfg)
    complete(network, checkpoint, str(path))
    colours = tuple(tuple(map(int, colour)) for colour in palette)
    return TrainedModel(network.to(device).eval(), tuple(classes), colours, cfg, about)


def complete(network: nn.Module, checkpoint: Mapping[str, Any], name: str) -> None:
    """Load weights into a network; refuse weights that do not fit it exactly."""
    advice = 'use the config that it was trained with'
    weights = complete_weights(network, checkpoint, advice, name)
    check_finite(weights, name)
    network.load_state_dict(weights)


def build_network(cfg: Config, reads_encoder: bool = True) -> nn.Module:
    """Build the segmentor of a config without reading pretrained weights.

    There is one exception: a frozen encoder reads its weights from their own file, because a
    checkpoint usually has only their fingerprint. With ``reads_encoder=False``, that file is not
    read either; then the encoder's weights must come with the others, as in a bundle.
    """
    model = segmentor_config(cfg.model)
    for _, part in runtime_dicts(Config(dict(model=model)), 'model'):
        if part.get('weights') and not (reads_encoder and part.get('frozen')):
            part['weights'] = None
        if part.get('init_cfg'):
            part['init_cfg'] = None
    with DefaultScope.overwrite_default_scope('mmseg'):
        network = MODELS.build(model)
    if not hasattr(network, 'encode_decode'):
        raise UserError(
            f'{type(network).__name__} does not predict land cover: use a segmentation model.'
        )
    return network


def _config(config: str | Path | Config | None, meta: Mapping[str, Any], path: Path) -> Config:
    if isinstance(config, Config):
        return config
    if config is not None:
        from depthda.engine.prepare import load_config

        return load_config(config)
    if not meta.get('cfg'):
        raise UserError(
            f'{path} does not contain a config: add --config with the config of its training.'
        )
    return Config.fromstring(meta['cfg'], '.py')
