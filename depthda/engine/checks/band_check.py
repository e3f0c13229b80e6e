"""Refuse a config whose loaders, normalisation and encoder disagree on the number of bands.

Some of these configs would train without an error: if a four-band image is normalised as one of
three bands, its fourth band is taken for depth.
"""

from collections.abc import Iterator

from mmengine.config import Config

from depthda.engine.checks.data_check import LOADERS
from depthda.engine.overrides import read_dicts
from depthda.errors import UserError

_LOADERS = ('LoadDepth', 'LoadControlDepth')
# Backbones that wrap the one for the optical bands, and the key that holds it.
_INNER = {'DualBackbone': 'rgb', 'EarlyFusionBackbone': 'backbone', 'NeckedBackbone': 'backbone'}


def check_bands(cfg: Config) -> None:
    """Compare ``optical_bands`` of the pipelines with the number of bands of the model."""
    expected = dict(_model_bands(cfg.get('model') or {}))
    for name in LOADERS:
        for _, step in read_dicts(cfg, f'{name}_dataloader'):
            bands = step.get('optical_bands', 3)
            for key, number in expected.items() if step.get('type') in _LOADERS else ():
                if number != bands:
                    raise UserError(
                        f'the {name} pipeline reads images of {bands} optical bands '
                        f'(LoadDepth.optical_bands), and {key} {number}: make them agree '
                        '(docs/your-data.md).'
                    )


def _model_bands(model: dict) -> Iterator[tuple[str, int]]:
    """Yield each key of a model that fixes the number of bands, with that number."""
    preprocessor = model.get('data_preprocessor') or {}
    if preprocessor.get('mean') is not None:
        yield 'model.data_preprocessor.mean has', len(preprocessor['mean'])
    if preprocessor.get('type') == 'DomainPairPreprocessor':
        for part in ('data_preprocessor', 'generator', 'critic'):
            yield f'model.{part}.optical_bands is', (model.get(part) or {}).get('optical_bands', 3)
    encoder, key = model.get('backbone') or {}, 'model.backbone'
    while inner := _INNER.get(encoder.get('type')):
        if encoder['type'] != 'NeckedBackbone':
            yield f'{key}.optical_bands is', encoder.get('optical_bands', 3)
        encoder, key = encoder.get(inner) or {}, f'{key}.{inner}'
    if encoder.get('type') == 'TransformersBackbone':
        yield f'{key}.arch.num_channels is', encoder['arch'].get('num_channels', 3)
        return
    default = 3 if str(encoder.get('type')).startswith(('ResNet', 'MixVision')) else None
    if (bands := encoder.get('in_channels', default)) is None:
        return  # unknown: the first step fails if it does not fit
    yield f'{key}.in_channels is', bands
    weights = encoder.get('pretrained') or (encoder.get('init_cfg') or {}).get('checkpoint')
    if bands != 3 and '://' in str(weights):
        # mmengine would leave out what does not fit, and report it in its log only.
        raise UserError(
            f'{key}.in_channels is {bands}, and the weights {weights} are for three bands: set '
            'init_cfg=None, or take a TransformersBackbone with extra_bands.'
        )
