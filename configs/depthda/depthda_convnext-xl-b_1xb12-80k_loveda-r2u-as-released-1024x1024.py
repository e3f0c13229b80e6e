# DepthDA ConvNeXt-XL+B, LoveDA Rural -> Urban, the authors' own recipe (6 of README.md).
_base_ = './depthda_convnext-xl-b_1xb12-80k_loveda-u2r-as-released-1024x1024.py'
train_dataloader = dict(dataset=dict(domain='Rural'))
val_dataloader = dict(dataset=dict(domain='Urban'))
test_dataloader = dict(dataset=dict(domain='Urban'))
