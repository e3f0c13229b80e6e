# DepthDA, ConvNeXt-B + S: a custom dataset of red, green, blue and near infrared
# (docs/your-data.md).
# Train the model with
#   python tools/train.py configs/depthda/depthda_convnext-b-s_1xb4-40k_prepared-4band-512x512.py
_base_ = [
    '../_base_/models/depthda_convnext-b-s.py',
    '../_base_/datasets/prepared-4band-512x512.py',
    '../_base_/schedules/adamw_40k.py',
    '../_base_/default_runtime.py',
]
num_classes = 6  # the number of classes in your list
model = dict(
    # Replace the fourth values by those of your images, which tools/check_dataset.py prints.
    data_preprocessor=dict(
        mean=[123.675, 116.28, 103.53, 110.0], std=[58.395, 57.12, 57.375, 55.0]
    ),
    # The pretrained encoder reads three bands; its weights for the fourth start at zero.
    backbone=dict(optical_bands=4, rgb=dict(arch=dict(num_channels=4), extra_bands='zero')),
    decode_head=dict(num_classes=num_classes),
    auxiliary_head=dict(num_classes=num_classes),
)
