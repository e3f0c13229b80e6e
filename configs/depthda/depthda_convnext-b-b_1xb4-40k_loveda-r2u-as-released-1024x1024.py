# DepthDA, ConvNeXt-B + B: LoveDA Rural -> Urban, the authors' own recipe (recipe 2 in README.md,
# with the checkpoint selected on labelled target images).
# No released config has these encoders; this is the released recipe of ConvNeXt-B + S.
# Train the model with
#   python tools/train.py \
#     configs/depthda/depthda_convnext-b-b_1xb4-40k_loveda-r2u-as-released-1024x1024.py
_base_ = [
    '../_base_/models/depthda_convnext-b-b.py',
    '../_base_/datasets/loveda-r2u-as-released-1024x1024.py',
    '../_base_/schedules/adamw-as-released_80k.py',
    '../_base_/as-released_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=(1024, 1024), test_cfg=dict(size_divisor=32)),
    backbone=dict(depth=dict(arch=dict(drop_path_rate=0.4))),
    test_cfg=dict(_delete_=True, mode='whole'),
)
# Stops halfway through a schedule of 80,000 iterations, at a learning rate of 5.1e-5.
train_cfg = dict(max_iters=40000)
