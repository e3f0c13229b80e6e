"""The appearance of a scene on a second date, for pretraining without labels.

The first date has the season, the light and the sensor of its domain. The second may have those of
any domain, so an encoder that predicts one date from the other has to see what stands on the ground
through either appearance.
"""

from collections.abc import Sequence
from dataclasses import fields

from numpy.random import Generator

from .config import AppearanceConfig


def any_appearance(domains: Sequence[AppearanceConfig], rng: Generator) -> AppearanceConfig:
    """Return settings that span the domains: ranges are merged, single values are drawn."""
    values = {}
    for name in (part.name for part in fields(AppearanceConfig)):
        found = [getattr(domain, name) for domain in domains]
        if name == 'gain':
            values[name] = tuple(
                rng.uniform(min(band), max(band)) for band in zip(*found, strict=True)
            )
        elif isinstance(found[0], tuple):
            lows, highs = zip(*found, strict=True)
            values[name] = min(lows), max(highs)
        else:
            values[name] = rng.uniform(min(found), max(found))
    return AppearanceConfig(**values)
