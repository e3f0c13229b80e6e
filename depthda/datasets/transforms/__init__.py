"""The transforms that look at channels, or that stock ones get wrong."""

from depthda.datasets.transforms import (  # noqa: F401
    aligned_rot_flip,
    balanced_crop,
    depth_jitter,
    load_control_depth,
    load_depth,
    load_multiband_image,
    optical_distortion,
)
