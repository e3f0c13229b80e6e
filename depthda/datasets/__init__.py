"""Datasets of images, labels and depth, and the transforms of their pipelines."""

from depthda.datasets import (  # noqa: F401
    domain_pair,
    isprs,
    liuzhou,
    loveda,
    prepared,
    rgbd,
    transforms,
)
