# A custom dataset (prepared-512x512.py) whose target has no labels: predicted, not scored.
# Write the predicted maps with: python tools/test.py CONFIG CHECKPOINT --out DIR --show-dir DIR
_base_ = './prepared-512x512.py'
test_pipeline = {{_base_.unlabelled_pipeline}}
tta_pipeline = {{_base_.unlabelled_tta_pipeline}}
test_dataloader = dict(dataset=dict(labels=False, pipeline={{_base_.unlabelled_pipeline}}))
test_evaluator = []
