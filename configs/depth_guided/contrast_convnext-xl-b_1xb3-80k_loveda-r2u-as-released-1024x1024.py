# Contrast without refinement, ConvNeXt-XL + B: LoveDA Rural -> Urban, the authors' own recipe
# (checkpoint selected on labelled target images).
# Train the model with
#   python tools/train.py \
#     configs/depth_guided/contrast_convnext-xl-b_1xb3-80k_loveda-r2u-as-released-1024x1024.py
_base_ = './depth_guided_convnext-xl-b_1xb3-80k_loveda-r2u-as-released-1024x1024.py'
# The released models without refinement use these weights for the contrast loss.
model = dict(
    neck=dict(scale_weights=[0.03, 0.03, 0.04, 0.04]),
    decode_head=dict(_delete_=True, **_base_.model.decode_head.head),
)
