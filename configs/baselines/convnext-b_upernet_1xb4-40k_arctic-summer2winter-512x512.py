# ConvNeXt-B + UPerNet, RGB only: Arctic scenes, summer -> winter (the dataset is not public).
# Train the model with
#   python tools/train.py \
#     configs/baselines/convnext-b_upernet_1xb4-40k_arctic-summer2winter-512x512.py
_base_ = [
    '../_base_/models/upernet_convnext-b.py',
    '../_base_/datasets/arctic-summer2winter-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
num_classes = 6  # the number of classes in your list
model = dict(
    decode_head=dict(num_classes=num_classes), auxiliary_head=dict(num_classes=num_classes)
)
# This model reads no depth, so no depth maps need to exist.
train_dataloader = dict(dataset=dict(depth=None))
val_dataloader = dict(dataset=dict(depth=None))
test_pipeline = {{_base_.rgb_test_pipeline}}
test_dataloader = dict(dataset=dict(depth=None, pipeline={{_base_.rgb_test_pipeline}}))
