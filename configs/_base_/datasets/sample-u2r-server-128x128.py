# The synthetic dataset in the server protocol, Urban -> Rural: train on all labelled source images,
# predict target Test as if its labels were hidden.
_base_ = './sample-u2r-128x128.py'
train_dataloader = dict(dataset=dict(holdout=None))
val_dataloader = None
val_cfg = None
val_evaluator = None
test_pipeline = {{_base_.unlabelled_pipeline}}
tta_pipeline = {{_base_.unlabelled_tta_pipeline}}
test_dataloader = dict(dataset=dict(labels=False, pipeline={{_base_.unlabelled_pipeline}}))
test_evaluator = []
