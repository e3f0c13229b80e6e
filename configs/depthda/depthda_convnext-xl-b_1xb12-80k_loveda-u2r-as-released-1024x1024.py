# DepthDA, ConvNeXt-XL + B: LoveDA Urban -> Rural, the authors' own recipe (recipe 6 in README.md,
# with the checkpoint selected on labelled target images).
# Train the model with
#   python tools/train.py \
#     configs/depthda/depthda_convnext-xl-b_1xb12-80k_loveda-u2r-as-released-1024x1024.py
_base_ = [
    '../_base_/models/depthda_convnext-xl-b.py',
    '../_base_/datasets/loveda-u2r-as-released-1024x1024.py',
    '../_base_/schedules/adamw-as-released_80k.py',
    '../_base_/as-released_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=(1024, 1024), test_cfg=dict(size_divisor=32)),
    backbone=dict(depth=dict(arch=dict(drop_path_rate=0.4))),
)
# All stages have the same learning rate.
optim_wrapper = dict(paramwise_cfg=dict(decay_rate=1.0))
train_dataloader = dict(batch_size=12)
train_cfg = dict(val_interval=1000)
default_hooks = dict(checkpoint=dict(interval=1000))
