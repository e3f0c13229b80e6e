# The recipe of the authors' own experiments: whole 1024² images, and the checkpoint chosen on
# *labelled target images* (Train + Val), which a clean comparison must not do. Kept to reproduce
# their figures; the split that chose the checkpoint stands in every result.
_base_ = './loveda-u2r-512x512.py'
train_dataloader = dict(
    dataset=dict(split=['Train', 'Val'], holdout=None, pipeline={{_base_.uncropped_pipeline}})
)
val_dataloader = dict(dataset=dict(domain='Rural', split=['Train', 'Val'], holdout=None))
test_pipeline = {{_base_.unlabelled_pipeline}}
tta_pipeline = {{_base_.unlabelled_tta_pipeline}}
test_dataloader = dict(
    dataset=dict(split='Test', labels=False, pipeline={{_base_.unlabelled_pipeline}})
)
test_evaluator = []
