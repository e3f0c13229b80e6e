"""Encoders for optical bands and depth, their fusion, heads, segmentors, and translation."""

from depthda.models import pair_preprocessor, preprocessor  # noqa: F401
from depthda.models.backbones import (  # noqa: F401
    depth_backbone,
    dual_backbone,
    early_fusion,
    necked_backbone,
    transformers_backbone,
)
from depthda.models.decode_heads import (  # noqa: F401
    depth_refined_head,
    depthseg_head,
    projected_aspp_head,
)
from depthda.models.depthseg import adapter, depth_decoder, prompter, teacher  # noqa: F401
from depthda.models.losses import berhu, info_nce, least_squares, ssim, wasserstein  # noqa: F401
from depthda.models.necks import fusion, multi_scale_contrast  # noqa: F401
from depthda.models.segmentors import depth_guided  # noqa: F401
from depthda.models.segmentors.depthseg import DepthSeg  # noqa: F401
from depthda.models.translation import (  # noqa: F401
    critic,
    domain_pair_preprocessor,
    drdg,
    generator,
    translation_preprocessor,
)
