"""Transforms that use single channels, or that replace faulty stock transforms."""

from depthda.datasets.transforms import (  # noqa: F401
    aligned_rot_flip,
    balanced_crop,
    depth_jitter,
    load_control_depth,
    load_depth,
    load_multiband_image,
    optical_distortion,
)
