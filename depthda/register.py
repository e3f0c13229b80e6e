"""Import all modules that register something; add new ones here.

The registries of mmseg import this module when they are first used. mmseg's own modules come
first, because those of this package build on them.
"""

import mmseg.datasets
import mmseg.models  # noqa: F401

from depthda.datasets import (  # noqa: F401
    domain_pair,
    isprs,
    liuzhou,
    loveda,
    prepared,
    rare_class_tiles,
    rgbd,
)
from depthda.datasets.transforms import (  # noqa: F401
    aligned_rot_flip,
    balanced_crop,
    colour_transfer,
    depth_jitter,
    fourier_transfer,
    load_control_depth,
    load_depth,
    load_multiband_image,
    optical_distortion,
)
from depthda.engine import run_sampler  # noqa: F401
from depthda.engine.hooks import (  # noqa: F401
    class_threshold_hook,
    collapse_hook,
    non_finite_hook,
    plain_checkpoint_hook,
    plateau_hook,
    translation_hook,
)
from depthda.engine.optimizers import (  # noqa: F401
    autocast_optim_wrapper,
    parts_optim_wrapper,
    stage_decay,
)
from depthda.evaluation import prediction_writer, segmentation_metric  # noqa: F401
from depthda.models import pair_preprocessor, preprocessor  # noqa: F401
from depthda.models.adaptation import (  # noqa: F401
    class_mix,
    class_portion,
    confident_share,
    depth_agreement,
    depth_dropout,
    domain_adaptation,
    ema_teacher,
    feature_distance,
    masked_consistency,
    output_adversary,
    output_critic,
    snapshot_teacher,
    strong_augmentation,
)
from depthda.models.backbones import (  # noqa: F401
    depth_backbone,
    dual_backbone,
    early_fusion,
    necked_backbone,
    transformers_backbone,
)
from depthda.models.decode_heads import (  # noqa: F401
    daformer_head,
    deeplabv2_head,
    depth_refined_head,
    depthseg_head,
    projected_aspp_head,
)
from depthda.models.depthseg import adapter, depth_decoder, prompter, teacher  # noqa: F401
from depthda.models.losses import berhu, info_nce, least_squares, ssim, wasserstein  # noqa: F401
from depthda.models.necks import fusion, multi_scale_contrast  # noqa: F401
from depthda.models.pretraining import date_prediction  # noqa: F401
from depthda.models.segmentors import depth_guided, depthseg  # noqa: F401
from depthda.models.translation import (  # noqa: F401
    critic,
    domain_pair_preprocessor,
    drdg,
    generator,
    translation_preprocessor,
)
