# The settings that all runs share. Add to custom_imports here: setting it in another file would
# replace this list.
custom_imports = dict(imports=['depthda'], allow_failed_imports=False)
default_scope = 'mmseg'

# All random numbers depend only on this seed and on the iteration.
randomness = dict(seed=0)

env_cfg = dict(
    cudnn_benchmark=True,  # crops have one size, so the fastest kernels are searched for only once
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),
    matmul_precision='high',  # of a test in fp32 on a GPU: TF32, as in convolutions
)
default_hooks = dict(
    runtime_info=dict(type='DeferredInfoHook'),  # waits for a GPU at logging intervals only
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='PlainCheckpointHook',
        by_epoch=False,
        interval=4000,
        max_keep_ckpts=2,
        save_best='mIoU',  # on the validation split; without validation, the last one is kept
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    iteration_seed=dict(type='IterationSeedHook'),
    # Stops training if the loss is nan or inf in ``patience`` iterations in a row.
    non_finite=dict(type='NonFiniteHook', patience=10),
)
# To draw curves in TensorBoard or W&B, add the line that docs/logging.md shows.
vis_backends = [dict(type='LocalVisBackend')]
# Set no name here: mmengine then names the visualizer after the run. With one fixed name, a second
# run in the same process would log into the folder of the first.
visualizer = dict(type='SegLocalVisualizer', vis_backends=vis_backends)
log_processor = dict(by_epoch=False)
log_level = 'INFO'
load_from = None
load_partial = False  # True: load those weights of load_from that fit, and list the others
resume = False

tta_model = dict(type='SegTTAModel')
