# Relative-depth-guided framework, ConvNeXt-B+S, LoveDA Rural -> Urban, the authors' own recipe.
_base_ = [
    '../_base_/models/depth_guided_convnext-b-s.py',
    '../_base_/datasets/loveda-r2u-as-released-1024x1024.py',
    '../_base_/schedules/adamw_80k.py',
    '../_base_/default_runtime.py',
]
# The released rule for decaying rates does not match the names of its depth backbone.
optim_wrapper = dict(paramwise_cfg=dict(depth_decay=False))
model = dict(data_preprocessor=dict(size=(1024, 1024)), test_cfg=dict(_delete_=True, mode='whole'))
