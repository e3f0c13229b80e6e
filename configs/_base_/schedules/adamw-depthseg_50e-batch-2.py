# DepthSeg's recipe over 50 epochs of LiuZhou: 7,047 tiles are 3,524 batches of 2.
_base_ = './adamw-depthseg_40k.py'
train_cfg = dict(max_iters=176200, val_interval=17620)
param_scheduler = [
    dict(
        type='MultiStepLR',
        gamma=0.2,
        by_epoch=False,
        milestones=[52860, 105720],
        end=176200,
    ),
]
