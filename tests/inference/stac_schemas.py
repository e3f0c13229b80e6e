"""Validate STAC items offline, against schemas in ``tests/data/stac`` and rules of extensions."""

import json
from functools import cache
from pathlib import Path

import pytest

fastjsonschema = pytest.importorskip('fastjsonschema', reason="pip install -e '.[dev]'")
FOLDER = Path(__file__).parents[1] / 'data/stac'
EXTENSIONS = 'https://stac-extensions.github.io'
_NUMBERS = {'type': 'array', 'items': {'type': 'number'}}
_CLASS = {
    'type': 'object',
    'required': ['value', 'name'],
    'properties': {
        'value': {'type': 'integer'},
        'name': {'type': 'string', 'pattern': '^[0-9A-Za-z_-]+$'},
        'title': {'type': 'string'},
        'color_hint': {'type': 'string', 'pattern': '^[0-9A-F]{6}$'},
        'nodata': {'type': 'boolean'},
        'percentage': {'type': 'number', 'minimum': 0, 'maximum': 100},
        'count': {'type': 'integer', 'minimum': 0},
    },
    'additionalProperties': False,
}
# Fields of the extensions that items use, as their pages define them; others are not allowed.
_FIELDS = {
    'proj:code': {'type': ['string', 'null'], 'pattern': '^[A-Z0-9_]+:[A-Z0-9]+$'},
    'proj:wkt2': {'type': 'string', 'minLength': 1},
    'proj:shape': _NUMBERS | {'minItems': 2, 'maxItems': 2, 'items': {'type': 'integer'}},
    'proj:transform': _NUMBERS | {'minItems': 6, 'maxItems': 6},
    'raster:scale': {'type': 'number'},
    'raster:spatial_resolution': {'type': 'number', 'minimum': 0},
    'classification:classes': {
        'type': 'array',
        'minItems': 1,
        'uniqueItems': True,
        'items': _CLASS,
    },
    'processing:level': {'type': 'string', 'pattern': '^L[0-9]'},
    'processing:software': {'type': 'object', 'additionalProperties': {'type': 'string'}},
}
_OWN = {
    'type': 'object',
    'properties': _FIELDS,
    'patternProperties': {'^(?!(proj|raster|classification|processing):)': {}},
    'additionalProperties': False,
}


@cache
def _validators():
    core = json.loads((FOLDER / 'core-1.1.0.json').read_text())
    handlers = {scheme: lambda uri: core[uri.rsplit('/', 1)[1]] for scheme in ('http', 'https')}
    mlm = json.loads((FOLDER / 'mlm-1.6.0.json').read_text())
    return (
        fastjsonschema.compile(core['item.json'], handlers=handlers),
        fastjsonschema.compile(mlm),
        fastjsonschema.compile(_OWN),
    )


def check_item(item):
    """Raise an error if an item breaks a rule of STAC 1.1 or of an extension."""
    core, mlm, extensions = _validators()
    core(item)
    named = {uri.removeprefix(f'{EXTENSIONS}/').split('/')[0] for uri in item['stac_extensions']}
    names = {'projection': 'proj'}
    for part in (item['properties'], *item['assets'].values()):
        extensions(part)
        used = {key.split(':')[0] for key in part if ':' in key}
        assert used <= {names.get(name, name) for name in named}
    if 'mlm' in named:
        mlm(item['properties'])
        _check_model(item)


def _check_model(item):
    """Check what the extension's text asks of a model and its schema of properties cannot."""
    models = [part for part in item['assets'].values() if 'mlm:model' in part['roles']]
    assert len(models) == 1 and models[0]['mlm:artifact_type']
    bands = {band['name'] for band in models[0]['bands']}
    for part in item['properties']['mlm:input']:
        assert set(part['bands']) <= bands
        assert len(part['input']['shape']) == len(part['input']['dim_order'])
        assert part['input']['shape'][1] == len(part['bands']) == len(part['value_scaling'])
