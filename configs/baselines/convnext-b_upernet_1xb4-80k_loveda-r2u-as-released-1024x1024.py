# ConvNeXt-B + UPerNet, RGB only: LoveDA Rural -> Urban, the authors' own recipe (checkpoint
# selected on labelled target images).
# Train the model with
#   python tools/train.py \
#     configs/baselines/convnext-b_upernet_1xb4-80k_loveda-r2u-as-released-1024x1024.py
_base_ = './convnext-b_upernet_1xb4-80k_loveda-u2r-as-released-1024x1024.py'
train_dataloader = dict(dataset=dict(domain='Rural'))
val_dataloader = dict(dataset=dict(domain='Urban'))
test_dataloader = dict(dataset=dict(domain='Urban'))
