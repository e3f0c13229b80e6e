# The settings that every run shares. Set custom_imports here only: a second one would replace it.
custom_imports = dict(imports=['depthda'], allow_failed_imports=False)
default_scope = 'mmseg'

# All randomness is a function of this seed and of the position in the run.
randomness = dict(seed=0)

env_cfg = dict(
    cudnn_benchmark=True,  # crops have one size, so the fastest convolution is sought once
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='PlainCheckpointHook',
        by_epoch=False,
        interval=4000,
        max_keep_ckpts=2,
        save_best='mIoU',  # on the config's validation split; without one, the last iteration
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    iteration_seed=dict(type='IterationSeedHook'),
    # Stops the training after this many iterations in a row whose loss is nan or inf.
    non_finite=dict(type='NonFiniteHook', patience=10),
)
# Curves in TensorBoard or W&B: docs/logging.md has the line to add.
vis_backends = [dict(type='LocalVisBackend')]
# Leave it unnamed, so that it takes the name of the run: two runs in one process would share a
# visualizer of one name, and the second would log into the folder of the first.
visualizer = dict(type='SegLocalVisualizer', vis_backends=vis_backends)
log_processor = dict(by_epoch=False)
log_level = 'INFO'
load_from = None
load_partial = False  # True: start from the weights of load_from that fit, and list the others
resume = False

tta_model = dict(type='SegTTAModel')
