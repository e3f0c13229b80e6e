# DepthSeg's recipe over 50 epochs of LiuZhou: 7,047 tiles are 1,762 batches of 4.
_base_ = './adamw-depthseg_40k.py'
train_cfg = dict(max_iters=88100, val_interval=8810)
param_scheduler = [
    dict(
        type='MultiStepLR',
        gamma=0.2,
        by_epoch=False,
        milestones=[26430, 52860],
        end=88100,
    ),
]
