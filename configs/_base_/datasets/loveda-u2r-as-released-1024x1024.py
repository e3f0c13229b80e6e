# The recipe of the authors' own experiments, to reproduce their figures: whole 1024² images, and
# the checkpoint selected on *labelled target images* (Train + Val), which a fair comparison must
# not do. Every result names the split that selected the checkpoint.
_base_ = './loveda-u2r-512x512.py'
train_dataloader = dict(
    dataset=dict(split=['Train', 'Val'], holdout=None, pipeline={{_base_.uncropped_pipeline}})
)
val_dataloader = dict(dataset=dict(domain='Rural', split=['Train', 'Val'], holdout=None))
test_pipeline = {{_base_.unlabelled_pipeline}}
# The released code averages over the unflipped image twice, so the views weigh 1/2, 1/4 and 1/4.
flips = [dict(type='RandomFlip', prob=0.0), *_base_.flips]
tta_pipeline = [
    *_base_.unlabelled_tta_pipeline[:-1],
    dict(
        type='TestTimeAug',
        transforms=[flips, [dict(type='PackSegInputs', meta_keys=_base_.meta_keys)]],
    ),
]
test_dataloader = dict(
    dataset=dict(split='Test', labels=False, pipeline={{_base_.unlabelled_pipeline}})
)
test_evaluator = []
