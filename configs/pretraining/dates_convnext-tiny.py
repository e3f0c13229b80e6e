# A tiny ConvNeXt, pretrained on synthetic scenes without labels: it predicts how a scene
# looks on another date. No table uses it yet.
# Make the dataset first:
#   depthda sample data/sample-two-dates --two-dates --seed 1000 --train 160 --val 0 --test 0
# Train the model with
#   python tools/train.py configs/pretraining/dates_convnext-tiny.py
_base_ = [
    '../_base_/models/date_prediction_convnext-tiny.py',
    '../_base_/datasets/sample-two-dates-128x128.py',
    '../_base_/schedules/adamw-pretraining.py',
    '../_base_/default_runtime.py',
]
default_hooks = dict(checkpoint=dict(interval=1000, save_best=None), logger=dict(interval=100))
