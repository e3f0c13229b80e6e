"""Real architectures of a table, built without memory: overrides that fit, models that exist."""

from collections.abc import Sequence

import torch
from mmengine.registry import DefaultScope
from mmseg.registry import MODELS
from rich.console import Console

from depthda.errors import UserError
from depthda.experiments.tables.plan import plan_runs, resolved_config
from depthda.experiments.tables.table import Table


def check_real_configs(table: Table, only: Sequence[str] | None, console: Console) -> None:
    """Build every model of the rows on the meta device, with the row's overrides."""
    built: dict[str, float] = {}
    for run in plan_runs(table, 'unused', table.seeds[:1], [table.worlds[0] or 0], only):
        for step in run.steps:
            if not step.train:
                continue
            cfg = resolved_config(step)
            key = repr(cfg.model.to_dict())
            if key in built:
                continue
            # The first look into the registry imports modules: not under another default device.
            MODELS.get(cfg.model.type)
            try:
                # mmseg's MiT reads a number off a tensor while it is built.
                device = torch.device('cpu' if 'MixVision' in key else 'meta')
                with device, DefaultScope.overwrite_default_scope('mmseg'):
                    model = MODELS.build(cfg.model)
            except (TypeError, ValueError, KeyError, AssertionError) as error:
                raise UserError(
                    f'row {run.row.name!r}: the model of {step.train} cannot be built with its '
                    f'overrides ({error}).'
                ) from error
            built[key] = sum(weight.numel() for weight in model.parameters()) / 1e6
            console.print(f'builds: {run.row.name} ({built[key]:.1f} M parameters)', markup=False)
