# DepthDA, ConvNeXt-B + S: Arctic scenes, summer -> winter (the dataset is not public).
# Train the model with
#   python tools/train.py \
#     configs/depthda/depthda_convnext-b-s_1xb4-40k_arctic-summer2winter-512x512.py
_base_ = [
    '../_base_/models/depthda_convnext-b-s.py',
    '../_base_/datasets/arctic-summer2winter-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
num_classes = 6  # the number of classes in your list
model = dict(
    decode_head=dict(num_classes=num_classes), auxiliary_head=dict(num_classes=num_classes)
)
