"""Images, labels and depth, paired and checked; what may be done to them before a model."""

from depthda.datasets import domain_pair, isprs, liuzhou, loveda, rgbd, transforms  # noqa: F401
