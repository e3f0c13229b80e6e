"""The version of the package, which nothing needs to be imported for."""

__version__ = '0.1.0'
