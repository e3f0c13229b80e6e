# Depth-guided framework, ConvNeXt-XL + B: LoveDA Rural -> Urban, the authors' own recipe
# (checkpoint selected on labelled target images).
# Train the model with
#   python tools/train.py \
#     configs/depth_guided/depth_guided_convnext-xl-b_1xb3-80k_loveda-r2u-as-released-1024x1024.py
_base_ = './depth_guided_convnext-xl-b_1xb3-80k_loveda-u2r-as-released-1024x1024.py'
train_dataloader = dict(dataset=dict(domain='Rural'))
val_dataloader = dict(dataset=dict(domain='Urban'))
test_dataloader = dict(dataset=dict(domain='Urban'))
