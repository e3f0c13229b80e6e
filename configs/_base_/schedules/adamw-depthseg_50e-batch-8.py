# DepthSeg's recipe over 50 epochs of LiuZhou: 7,047 tiles are 881 batches of 8.
_base_ = './adamw-depthseg_40k.py'
train_cfg = dict(max_iters=44050, val_interval=4405)
param_scheduler = [
    dict(
        type='MultiStepLR',
        gamma=0.2,
        by_epoch=False,
        milestones=[13215, 26430],
        end=44050,
    ),
]
