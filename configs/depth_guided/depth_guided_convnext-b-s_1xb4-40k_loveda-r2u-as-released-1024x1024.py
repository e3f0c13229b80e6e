# Depth-guided framework, ConvNeXt-B + S: LoveDA Rural -> Urban, the authors' own recipe
# (checkpoint selected on labelled target images), half as many iterations as Urban -> Rural.
# Train the model with
#   python tools/train.py \
#     configs/depth_guided/depth_guided_convnext-b-s_1xb4-40k_loveda-r2u-as-released-1024x1024.py
_base_ = './depth_guided_convnext-b-s_1xb4-80k_loveda-u2r-as-released-1024x1024.py'
train_dataloader = dict(dataset=dict(domain='Rural'))
val_dataloader = dict(dataset=dict(domain='Urban'))
test_dataloader = dict(dataset=dict(domain='Urban'))
train_cfg = dict(max_iters=40000)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, by_epoch=False, begin=0, end=1500),
    dict(type='PolyLR', power=1.0, eta_min=0.0, by_epoch=False, begin=1500, end=40000),
]
