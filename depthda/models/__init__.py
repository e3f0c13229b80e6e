"""Two encoders, their fusion, and mmseg's encoder-decoder around them."""

from depthda.models import preprocessor  # noqa: F401
from depthda.models.backbones import dual_backbone, transformers_backbone  # noqa: F401
from depthda.models.necks import fusion  # noqa: F401
from depthda.models.segmentors import depth_guided  # noqa: F401
