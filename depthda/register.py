"""Import all modules that register something: every module of the packages below.

The registries of mmseg import this module when they are first used. mmseg's own modules come
first, because those of this package build on them.
"""

from importlib import import_module
from pkgutil import iter_modules, walk_packages

import mmseg.datasets
import mmseg.models  # noqa: F401

from depthda import datasets, evaluation, models
from depthda.datasets import transforms
from depthda.engine import hooks, optimizers, run_sampler  # noqa: F401

for package in (datasets, transforms, hooks, optimizers, evaluation):
    for module in iter_modules(package.__path__, f'{package.__name__}.'):
        import_module(module.name)
for module in walk_packages(models.__path__, f'{models.__name__}.'):
    import_module(module.name)
