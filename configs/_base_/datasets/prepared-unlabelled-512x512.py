# Like prepared-512x512.py, for a target without labels: it is predicted but not scored. Write the
# predictions with: python tools/test.py CONFIG CHECKPOINT --out MAPS --show-dir PICTURES
_base_ = './prepared-512x512.py'
test_pipeline = {{_base_.unlabelled_pipeline}}
tta_pipeline = {{_base_.unlabelled_tta_pipeline}}
test_dataloader = dict(dataset=dict(labels=False, pipeline={{_base_.unlabelled_pipeline}}))
test_evaluator = []
