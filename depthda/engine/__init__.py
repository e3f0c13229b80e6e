"""How runs are driven: sampling, seeds, optimisers, checkpoints, the command line's work."""

from depthda.engine import run_sampler  # noqa: F401
from depthda.engine.hooks import (
    iteration_seed_hook,  # noqa: F401
    non_finite_hook,  # noqa: F401
    plain_checkpoint_hook,  # noqa: F401
    plateau_hook,  # noqa: F401
    translation_hook,  # noqa: F401
)
from depthda.engine.optimizers import (
    autocast_optim_wrapper,  # noqa: F401
    parts_optim_wrapper,  # noqa: F401
    stage_decay,  # noqa: F401
)
