"""Refuse a program (.pt2) that could run code when it is loaded.

``torch.export.load`` unpickles the records that a file declares as pickles, evaluates expressions
for sizes as Python code, and resolves the name of a function to any attribute of torch. A program
that :mod:`.export_program` wrote needs none of that: its tensors are raw numbers, its sizes use a
few known functions, and it calls only operators on tensors. Everything else is refused before
torch reads the file.
"""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch.export.pt2_archive import PT2ArchiveReader
from torch.utils._pytree import tree_structure, treespec_dumps

from depthda.errors import UserError

FACTS = 'depthda.json'
_GRAPH, _EXAMPLE = 'models/model.json', 'data/sample_inputs/model.pt'
_CONFIGS = ('data/weights/model_weights_config.json', 'data/constants/model_constants_config.json')
_RECORDS = re.compile(
    r'data/weights/weight_\d+|data/constants/tensor_\d+|archive_format|archive_version|byteorder'
    r'|\.data/(version|serialization_id)'
)
_ARGUMENTS = {
    *('as_bool', 'as_bools', 'as_float', 'as_floats', 'as_int', 'as_ints', 'as_none', 'as_name'),
    *('as_sym_bool', 'as_sym_float', 'as_sym_int', 'as_sym_ints', 'as_expr', 'as_string'),
    *('as_tensor', 'as_tensors', 'as_optional_tensor', 'as_optional_tensors'),
    *('as_device', 'as_layout', 'as_memory_format', 'as_scalar_type'),
}
_TEXTS = {'none', 'tanh', 'floor', 'trunc'}  # modes of approximation and rounding
_OPERATORS = {
    *('_operator.add', '_operator.sub', '_operator.mul', '_operator.neg', '_operator.pow'),
    *('_operator.floordiv', '_operator.truediv', '_operator.mod', '_operator.getitem'),
    *('_operator.eq', '_operator.ne', '_operator.lt', '_operator.le', '_operator.gt'),
    *('_operator.ge', 'torch.sym_max', 'torch.sym_min', 'torch.sym_float', 'torch.sym_not'),
}
_SYMBOL = re.compile(r"Symbol\('[a-z]+[0-9]+'(, [a-z]+=(True|False))*\)")
_FOREIGN = re.compile(r'[^A-Za-z0-9_ (),-]')
_FUNCTIONS = {
    *('Integer', 'Rational', 'Add', 'Mul', 'Pow', 'Max', 'Min', 'FloorDiv', 'CleanDiv'),
    *('Mod', 'PythonMod', 'CeilDiv', 'CeilToInt', 'FloorToInt', 'TruncToInt', 'IntTrueDiv'),
    *('FloatTrueDiv', 'ToFloat', 'PowByNatural', 'Identity'),
    *('Equality', 'Unequality', 'LessThan', 'StrictLessThan', 'GreaterThan', 'StrictGreaterThan'),
}
_SHAPES = {
    'in_spec': treespec_dumps(tree_structure(((0,), {}))),
    'out_spec': treespec_dumps(tree_structure(0)),
}


def read_facts(path: str | Path) -> dict[str, Any]:
    """Check a program, and return the facts about its model that the file records."""
    _check_complete(path)
    try:
        with PT2ArchiveReader(str(path)) as archive:
            unsafe = _unsafe(archive)
            facts = json.loads(archive.read_string(f'extra/{FACTS}'))
    except RuntimeError as error:  # torch's reader has no exceptions of its own
        reason = str(error).split('. ')[0]
        raise UserError(f'{path} cannot be read ({reason}): export it again.') from error
    if unsafe:
        raise UserError(
            f'{path} contains {unsafe}, which might run code when it is read and which no program '
            'of depthda contains: use a program that depthda export wrote.'
        )
    return facts


def _check_complete(path: str | Path) -> None:
    """Refuse files that are not programs or whose content has changed; torch does not check."""
    try:
        with zipfile.ZipFile(path) as archive:
            names, changed = archive.namelist(), archive.testzip()
    except zipfile.BadZipFile as error:
        raise UserError(f'{path} is damaged or is not a .pt2 file: export it again.') from error
    if changed:
        raise UserError(f'{path} is damaged (in {changed}): download it again.')
    if not any(name.endswith(f'/extra/{FACTS}') for name in names):
        raise UserError(
            f'{path} does not record the classes that it predicts: use a file that depthda export '
            '--format pt2 wrote.'
        )


def _unsafe(archive: PT2ArchiveReader) -> str | None:
    """Describe the first content that could run code; None if there is none."""
    known = {_GRAPH, _EXAMPLE, f'extra/{FACTS}', *_CONFIGS}
    for name in archive.get_file_names():
        if name not in known and not _RECORDS.fullmatch(name):
            return f'the record {name}'
    if archive.read_bytes(_EXAMPLE):
        return f'a pickle ({_EXAMPLE})'
    for name in _CONFIGS:
        for tensor in json.loads(archive.read_string(name))['config'].values():
            record = f'{name.rpartition("/")[0]}/{tensor["path_name"]}'
            if tensor['use_pickle'] or not _RECORDS.fullmatch(record):
                return f'a pickle ({tensor["path_name"]})'
    graph = json.loads(archive.read_string(_GRAPH))
    return next(filter(None, (_fault(key, value) for key, value in _fields(graph))), None)


def _fields(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield each key with its value, at all levels of nesting."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key, inner
            yield from _fields(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _fields(inner)


def _fault(key: str, value: Any) -> str | None:
    """Describe why a field of the graph is refused; None if it is allowed."""
    if key.startswith('as_') and key not in _ARGUMENTS:
        return f'an argument of the kind {key}'
    if key == 'as_string' and value not in _TEXTS:
        return f'the text {value!r}'
    if key == 'target' and isinstance(value, str) and not _is_operator(value):
        return f'the function {value}'
    if key == 'expr_str' and not _is_expression(value):
        return f'the expression {value!r}'
    if key in _SHAPES and value != _SHAPES[key]:
        return f'the structure {value}'
    if key in ('guards_code', 'custom_obj_values', 'metadata') and value:
        return f'{key}'
    return None


def _is_operator(name: str) -> bool:
    if name in _OPERATORS:
        return True
    # Operators whose name begins with an underscore may not check their arguments.
    parts = re.fullmatch(r'torch\.ops\.aten\.([a-z]\w*|__[a-z]+__)\.(\w+)', name)
    operator = parts and getattr(getattr(torch.ops.aten, parts[1], None), parts[2], None)
    return isinstance(operator, torch._ops.OpOverload)


def _is_expression(text: str) -> bool:
    """Return whether the expression of a size has only numbers, symbols and known functions."""
    remainder = _SYMBOL.sub('', text)
    return (
        not _FOREIGN.search(remainder)
        and not set(re.findall(r'[A-Za-z_]\w*', remainder)) - _FUNCTIONS
    )
