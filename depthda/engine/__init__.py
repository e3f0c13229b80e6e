"""How runs are driven: sampling, seeds, optimisers, checkpoints, the command line's work."""

from depthda.engine import (  # noqa: F401
    autocast_optim_wrapper,
    iteration_seed_hook,
    non_finite_hook,
    parts_optim_wrapper,
    plain_checkpoint_hook,
    plateau_hook,
    run_sampler,
    stage_decay,
    translation_hook,
)
