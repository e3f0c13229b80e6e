# ConvNeXt-B + UPerNet, RGB only: LoveDA Urban -> Rural, the authors' own recipe (checkpoint
# selected on labelled target images).
# Train the model with
#   python tools/train.py \
#     configs/baselines/convnext-b_upernet_1xb4-80k_loveda-u2r-as-released-1024x1024.py
_base_ = [
    '../_base_/models/upernet_convnext-b.py',
    '../_base_/datasets/loveda-u2r-as-released-1024x1024.py',
    '../_base_/schedules/adamw-as-released_80k.py',
    '../_base_/as-released_runtime.py',
]
# This model reads no depth, so no depth maps need to exist.
train_dataloader = dict(dataset=dict(depth=None))
val_dataloader = dict(dataset=dict(depth=None))
test_pipeline = {{_base_.rgb_unlabelled_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_unlabelled_pipeline}}))
model = dict(
    data_preprocessor=dict(size=(1024, 1024), test_cfg=dict(size_divisor=32)),
    test_cfg=dict(_delete_=True, mode='whole'),
)
