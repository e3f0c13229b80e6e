# Depth-guided framework, ConvNeXt-XL + B: LoveDA Urban -> Rural, the authors' own recipe
# (checkpoint selected on labelled target images).
# Train the model with
#   python tools/train.py \
#     configs/depth_guided/depth_guided_convnext-xl-b_1xb3-80k_loveda-u2r-as-released-1024x1024.py
_base_ = [
    '../_base_/models/depth_guided_convnext-xl-b.py',
    '../_base_/datasets/loveda-u2r-as-released-1024x1024.py',
    '../_base_/schedules/adamw-as-released_80k.py',
    '../_base_/as-released_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=(1024, 1024), test_cfg=dict(size_divisor=32)),
    backbone=dict(depth=dict(arch=dict(drop_path_rate=0.4))),
    decode_head=dict(init_cfg=dict(type='Kaiming', override=dict(name='residual'))),
    test_cfg=dict(_delete_=True, mode='whole'),
)
train_dataloader = dict(batch_size=3)
train_cfg = dict(val_interval=1000)
default_hooks = dict(checkpoint=dict(interval=1000))
