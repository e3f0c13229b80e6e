"""The commands: each module has its arguments and what it runs; see :mod:`depthda.main`."""
