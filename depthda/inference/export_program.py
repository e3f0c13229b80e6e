"""Export a model as a program (.pt2) that runs without this package."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any
from unittest.mock import patch

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.fx.experimental import _config as symbolic_config
from torch.utils._sympy.numbers import int_oo
from torch.utils._sympy.value_ranges import ValueRanges

from depthda.datasets.transforms.load_multiband_image import swapped_bands
from depthda.errors import UserError, many
from depthda.inference.archive_check import FACTS, read_facts
from depthda.inference.bundle import Card
from depthda.inference.exported import FORMAT
from depthda.inference.trained_model import TrainedModel, whole_strides
from depthda.io.files import atomic_path
from depthda.version import __version__

# Numbers of images, heights and widths. In the example none is 1, which the exporter would take
# for a constant, and no side is a multiple of the stride, so that the images are padded.
_EXAMPLE = (2, 70, 100)
_CHECKED = ((1, 1, 1), (3, 130, 33))


class Program(nn.Module):
    """The module to export: from images (N, C, H, W) of any size to float32 logits (N, K, H, W).

    Channels are the optical bands in the order of the training, then depth if the model reads it.
    """

    def __init__(self, model: TrainedModel) -> None:
        super().__init__()
        self.network = model.network
        self.bands, self.classes = model.bands, len(model.classes)

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[2:]
        batch = whole_strides(self.network.data_preprocessor.normalize(images), self.bands)
        logits = self.network.encode_decode(batch, [dict(img_shape=batch.shape[2:])])
        rows, columns = (torch.arange(side, device=images.device) for side in (height, width))
        # A slice would compare sizes, which a program for images of any size cannot do.
        return logits[:, : self.classes].index_select(2, rows).index_select(3, columns).float()


def save_program(model: TrainedModel, out: str | Path, card: Card) -> Path:
    """Write a model as a program, with the facts that :class:`.exported.ExportedModel` needs."""
    out = Path(out)
    if out.suffix.lower() != '.pt2':
        raise UserError(f'--out {out} is not a name for a program: use one that ends in .pt2.')
    program = export(model)
    with atomic_path(out) as temporary:
        facts = json.dumps(facts_of(model, card), indent=1, ensure_ascii=False)
        # Given a path, torch would name the folder in the archive after the temporary file.
        with open(temporary, 'wb+') as file:
            torch.export.save(program, file, extra_files={FACTS: facts})
        read_facts(temporary)
    return out


def facts_of(model: TrainedModel, card: Card) -> dict[str, Any]:
    """Return the facts about a model that its graph does not contain."""
    return {
        'format': FORMAT,
        'depthda': __version__,
        'torch': torch.__version__,
        'classes': model.classes,
        'palette': model.palette,
        'bands': model.bands,
        # Bands of a file, counted from 1, in the order of the channels.
        'band_order': [band + 1 for band in swapped_bands(model.bands)],
        'dtype': model.dtype,
        'statistics': model.statistics,
        'architecture': model.architecture,
        'needs_depth': model.needs_depth,
        'depth_source': model.depth_source,
        'window': model.window,
        'about': dict(model.about),
        **asdict(card),
    }


def export(model: TrainedModel) -> ExportedProgram:
    """Convert a model to a program that takes any number of images of any size."""
    count, height, width = _EXAMPLE
    example = torch.rand(count, model.bands + model.needs_depth, height, width)
    # The exporter assumes that no size is 1, because torch may choose other kernels for size 1.
    # Hence these minima: from 33 pixels on, an image is padded to two strides of 32. A program
    # chooses its kernels in each run, so the limits are removed below.
    sizes = {0: Dim('images', min=2), 2: Dim('height', min=33), 3: Dim('width', min=33)}
    module, images = Program(model).eval(), (example.to(model.device),)
    try:
        with _for_all_sizes(model.network), torch.no_grad():
            program = torch.export.export(module, images, dynamic_shapes=(sizes,), strict=False)
    # torch raises these for a network whose computation depends on the size of the images.
    except (AssertionError, RuntimeError) as error:
        raise _fault(model, str(error).splitlines()[0].split('! For')[0]) from error
    if program._guards_code:  # conditions on sizes, which the example fulfils
        raise _fault(model, program._guards_code[0])
    for symbol in program.range_constraints:
        program.range_constraints[symbol] = ValueRanges(1, int_oo)
    _drop_leftovers(program)
    _drop_unused(program)
    _check_equal(program, model)
    return program


def _fault(model: TrainedModel, reason: str) -> UserError:
    return UserError(
        f'{type(model.network).__name__} cannot be exported as one program for images of any size '
        f'({reason.rstrip(":. ")}): export a bundle instead.'
    )


def _check_equal(program: ExportedProgram, model: TrainedModel) -> None:
    """Refuse a program whose logits differ from the model's at sizes unlike the example's."""
    run = program.module()
    for count, height, width in _CHECKED:
        images = torch.rand(count, model.bands + model.needs_depth, height, width)
        images[:, : model.bands] *= 255
        images = images.to(model.device)
        with torch.no_grad():
            expected, predicted = model.logits(list(images)), run(images)
        if not torch.allclose(
            predicted, expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max())
        ):
            raise UserError(
                f'the exported program and the model predict different values for '
                f'{many(count, "image")} of {height} × {width} pixels: export a bundle instead.'
            )


@contextmanager
def _for_all_sizes(network: nn.Module) -> Iterator[None]:
    """Keep a network from branching on the size of images and from computing a depth output."""
    kept = getattr(network, 'keep_depth', None)
    if kept:
        network.keep_depth = False
    try:
        # Unless it is traced, the library transformers skips the interpolation for some sizes.
        tracing = patch.object(torch.jit, 'is_tracing', lambda: True)
        with symbolic_config.patch(backed_size_oblivious=True), tracing:
            yield
    finally:
        if kept:
            network.keep_depth = kept


def _drop_leftovers(program: ExportedProgram) -> None:
    """Remove content that only the export needed.

    The example would be written as a pickle. Stack traces contain paths of this machine. Assertions
    about types do not hold in mixed precision.
    """
    program.example_inputs = None
    for node in list(program.graph.nodes):
        node.meta = {'val': node.meta['val']} if 'val' in node.meta else {}
        if node.target is torch.ops.aten._assert_tensor_metadata.default:
            program.graph.erase_node(node)


def _drop_unused(program: ExportedProgram) -> None:
    """Remove weights that only training needs: of a teacher, auxiliary heads, a depth output."""
    nodes = {node.name: node for node in program.graph.nodes if not node.users}
    specs = program.graph_signature.input_specs
    for spec in [spec for spec in specs if spec.target and spec.arg.name in nodes]:
        program.state_dict.pop(spec.target, None)
        program.constants.pop(spec.target, None)
        program.graph.erase_node(nodes[spec.arg.name])
        specs.remove(spec)
    program.graph_module.recompile()
