"""Accept arguments of a model that earlier releases had and that are now the config of a part."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from depthda.console import warn


def accept_moved(
    places: Mapping[str, str], types: Mapping[str, Mapping[str, str]] | None = None
) -> Callable[[Callable], Callable]:
    """Decorate an ``__init__`` so that it still takes its old arguments, with a warning.

    An old value wins over a new one: a config that is built on one of this project's sets the old
    name itself and inherits the new one.

    Args:
        places: Old arguments, and where their values belong now: ``'adversarial.gp_weight'`` is
            the key ``gp_weight`` of the argument ``adversarial``.
        types: Arguments that were a plain name and are a config now, with the ``type`` for each
            name.
    """

    def decorate(init: Callable) -> Callable:
        parameters = inspect.signature(init).parameters

        @functools.wraps(init)
        def wrapper(self, *args: Any, **kwargs: Any) -> None:
            def move(old: str, argument: str, key: str, value: Any) -> None:
                warn(
                    f'{type(self).__name__}: {old} is now {argument}.{key}={value!r}; the old form '
                    'works in this release only.'
                )
                given = kwargs.get(argument, parameters[argument].default)
                kwargs[argument] = {**given, key: value}

            for argument, names in (types or {}).items():
                if isinstance(name := kwargs.get(argument), str) and name in names:
                    del kwargs[argument]
                    move(f'{argument}={name!r}', argument, 'type', names[name])
            for old in places.keys() & kwargs.keys():
                move(old, *places[old].split('.'), kwargs.pop(old))
            init(self, *args, **kwargs)

        return wrapper

    return decorate
