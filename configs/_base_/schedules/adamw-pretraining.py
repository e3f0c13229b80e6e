# For pretraining tiny encoders, which takes about 15 minutes on one idle core (25 for a ViT).
train_cfg = dict(type='IterBasedTrainLoop', max_iters=8000)
optim_wrapper = dict(
    type='OptimWrapper', optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01, fused=True)
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, begin=0, end=50),
    dict(type='PolyLR', power=0.9, eta_min=1e-5, by_epoch=False, begin=50, end=8000),
]
