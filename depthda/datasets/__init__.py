"""Images, labels and depth, paired and checked; what may be done to them before a model."""

from depthda.datasets import (  # noqa: F401
    domain_pair,
    isprs,
    liuzhou,
    loveda,
    prepared,
    rgbd,
    transforms,
)
