"""Predict with an exported program, without building its network."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export.passes import move_to_device_pass

from depthda.errors import UserError
from depthda.inference.archive_check import read_facts
from depthda.version import __version__

FORMAT = 1


@dataclass
class ExportedModel:
    """A ``LandCoverModel`` whose network is an exported program."""

    program: nn.Module
    classes: tuple[str, ...]
    palette: tuple[tuple[int, int, int], ...]
    bands: int
    band_order: list[int]
    dtype: str
    statistics: tuple[list[float], list[float]]
    architecture: str
    needs_depth: bool
    depth_source: str | None
    window: tuple[int, int]
    device: torch.device
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def parameters(self) -> int:
        return sum(value.numel() for value in self.program.parameters())

    @torch.inference_mode()
    def logits(self, images: list[Tensor], amp: bool = False) -> Tensor:
        """Return logits (N, K, H, W); see :meth:`.model.LandCoverModel.logits`."""
        channels = self.bands + self.needs_depth
        batch = torch.stack([image[:channels] for image in images])
        batch = batch.to(self.device, torch.float32, non_blocking=True)
        with torch.autocast(batch.device.type, torch.bfloat16, enabled=amp):
            return self.program(batch)


def load_program(path: str | Path, device: str = 'cpu') -> ExportedModel:
    """Load a program; refuse files that :func:`.export_program.save_program` did not write."""
    path = Path(path)
    facts = read_facts(path)
    if facts.get('format') != FORMAT:
        raise UserError(
            f'{path} has format {facts.get("format")}, but depthda {__version__} reads only format '
            f'{FORMAT}: install a version that reads it.'
        )
    program = torch.export.load(path)
    if torch.device(device).type != 'cpu':
        program = move_to_device_pass(program, device)
    return ExportedModel(
        program.module(),
        tuple(facts['classes']),
        tuple(tuple(colour) for colour in facts['palette']),
        facts['bands'],
        facts['band_order'],
        facts['dtype'],
        tuple(facts['statistics']),
        facts['architecture'],
        facts['needs_depth'],
        facts['depth_source'],
        tuple(facts['window']),
        torch.device(device),
        dict(facts['about'], file=path.name, gsd=facts['gsd']),
    )
