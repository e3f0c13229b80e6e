# DepthDA, ConvNeXt-B + S: a custom dataset (docs/your-data.md).
# Train the model with
#   python tools/train.py configs/depthda/depthda_convnext-b-s_1xb4-40k_prepared-512x512.py
_base_ = [
    '../_base_/models/depthda_convnext-b-s.py',
    '../_base_/datasets/prepared-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
num_classes = 6  # the number of classes in your list
model = dict(
    decode_head=dict(num_classes=num_classes), auxiliary_head=dict(num_classes=num_classes)
)
