"""Describe a part of a config that cannot be built, in one sentence with its key."""

import difflib
import inspect
import re
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Any

from mmengine.config import Config
from mmengine.registry import Registry
from mmengine.registry.build_functions import build_from_cfg

from depthda.engine.overrides import runtime_nodes
from depthda.errors import UserError

# Raised by classes for values that they cannot use, and by mmengine for unknown names.
_ERRORS = (TypeError, ValueError, KeyError, IndexError, AssertionError, FileNotFoundError)


# The part of a config whose building failed: its key, its config, the name of its type, the class
# (None if it was not found) and the registry.
_Built = tuple[str, dict, str, Any, Registry]


@contextmanager
def build_mistakes(cfg: Config) -> Iterator[None]:
    """Report an error in building a part of ``cfg`` as one sentence with the key of that part."""
    # Read the dicts now, because building modifies some of them.
    nodes = [(key, value) for key, value in runtime_nodes(cfg.to_dict()) if isinstance(value, dict)]
    try:
        yield
    except UserError:
        raise
    except _ERRORS as error:
        built = _innermost(error.__traceback__, nodes)
        if built is None:
            raise  # not a mistake in the config
        raise UserError(_sentence(error, built)) from error


def unknown(kind: str, registry: Registry) -> str:
    """Return the message about a type that is neither in a registry nor in its parents."""
    names: list[str] = []
    known: Registry | None = registry
    while known is not None:  # names of the registry, then of its parents
        names += known.module_dict
        known = known.parent
    advice = nearest(kind, names) or '; import a custom class with custom_imports.'
    return f"there is no {registry.name} '{kind}'{advice}"


def nearest(name: str, names: list[str]) -> str:
    """Return ``; did you mean 'X'?`` for the most similar name; ``''`` if there is none."""
    lower = {known.lower(): known for known in names}
    # Prefer names that begin with this one ('CrossEntropy') to names that are only similar.
    longer = sorted((known for known in lower if known.startswith(name.lower())), key=len)
    matches = longer or difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    return f"; did you mean '{lower[matches[0]]}'?" if matches else ''


def _innermost(trace: TracebackType | None, nodes: list[tuple[str, dict]]) -> _Built | None:
    innermost = None
    for frame, _ in traceback.walk_tb(trace):
        if frame.f_code is not build_from_cfg.__code__:
            continue
        call = frame.f_locals
        config = dict(call['cfg'])
        if part := _find(config, nodes):
            kind = str(config.get('type')).rsplit('.', 1)[-1]
            innermost = (*part, kind, call.get('obj_cls'), call['registry'])
    return innermost


def _find(config: dict, nodes: list[tuple[str, dict]]) -> tuple[str, dict] | None:
    """Return the key and the dict of the part of the config from which ``config`` was made.

    mmengine may have added keys to ``config``. Without such a part, return None.
    """

    def is_alike(node: dict) -> bool:
        if 'type' in config:
            return node.get('type') == config['type']
        return bool(node) and node.keys() <= config.keys() | {'type'} and 'type' not in node

    def equal_values(item: tuple[str, dict]) -> int:
        pairs = [(config[name], value) for name, value in item[1].items() if name in config]
        return sum(type(a) is type(b) and repr(a) == repr(b) for a, b in pairs)

    return max((item for item in nodes if is_alike(item[1])), key=equal_values, default=None)


def _sentence(error: Exception, built: _Built) -> str:
    key, config, kind, cls, registry = built
    text = str(error.args[0]) if error.args else ''
    if isinstance(error, KeyError) and 'must contain the key "type"' in text:
        return (
            f'{key} has no type: set it to the class to build, or remove {key} if the base config '
            'has no such part.'
        )
    if isinstance(error, KeyError) and f'{kind} is not in the' in text:
        return f'{key}.type: {unknown(kind, registry)}'
    if match := re.search(r"\.__init__\(\) got an unexpected keyword argument '(\w+)'", text):
        if match[1] in config:
            bases = cls.__mro__ if inspect.isclass(cls) else [cls]
            inits = [base.__init__ for base in bases if '__init__' in vars(base)]
            known = [n for init in inits for n in inspect.signature(init).parameters if n != 'self']
            advice = nearest(match[1], known) or (
                ': remove it or, if it comes from the base config, replace the complete dict with '
                f"dict(_delete_=True, type='{kind}', …)."
            )
            return f"{key}: {kind} has no argument '{match[1]}'{advice}"
    if match := re.search(r'\.__init__\(\) missing \d+ required .*arguments?: (.*)', text):
        return f'{key}: {kind} needs {match[1]}, which the config does not set: add it.'
    return f'{key}: {kind} cannot be built from these values: {reason(error)}.'


def reason(error: Exception) -> str:
    """Return the text of an error, or the condition of a failed assertion, with file and line."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    text = str(error.args[0]) if error.args else ''
    if 'Original Traceback' in text:  # the complete traceback of a process that loads data
        text = text.rstrip().splitlines()[-1].partition(': ')[-1]
    text = ' '.join(text.split())[:400].rstrip('.')
    if isinstance(error, AssertionError) and not text:
        text = f'the condition {(last.line or "").removeprefix("assert ")} is not met'
    elif not isinstance(error, (AssertionError, UserError)):
        text = f'{type(error).__name__}: {text}'
    return f'{text} ({last.filename.rsplit("site-packages/")[-1]}, line {last.lineno})'
