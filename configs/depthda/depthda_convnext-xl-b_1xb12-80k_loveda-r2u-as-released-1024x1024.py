# DepthDA, ConvNeXt-XL + B: LoveDA Rural -> Urban, the authors' own recipe (recipe 6 in README.md,
# with the checkpoint selected on labelled target images).
# Train the model with
#   python tools/train.py \
#     configs/depthda/depthda_convnext-xl-b_1xb12-80k_loveda-r2u-as-released-1024x1024.py
_base_ = './depthda_convnext-xl-b_1xb12-80k_loveda-u2r-as-released-1024x1024.py'
train_dataloader = dict(dataset=dict(domain='Rural'))
val_dataloader = dict(dataset=dict(domain='Urban'))
test_dataloader = dict(dataset=dict(domain='Urban'))
