# LoveDA Urban -> Rural, server protocol (the papers' tables): train on all labelled source images
# for a fixed number of iterations, predict target Test, whose labels are hidden. To have it scored,
# upload the zip of: python tools/test.py CONFIG CHECKPOINT --submission u2r.zip
_base_ = './loveda-u2r-512x512.py'
train_dataloader = dict(dataset=dict(split=['Train', 'Val'], holdout=None))
val_dataloader = None
val_cfg = None
val_evaluator = None
target_images = dict(split='Val')  # as in LoveDA's own baselines
test_pipeline = {{_base_.unlabelled_pipeline}}
tta_pipeline = {{_base_.unlabelled_tta_pipeline}}
test_dataloader = dict(
    dataset=dict(split='Test', labels=False, pipeline={{_base_.unlabelled_pipeline}})
)
test_evaluator = []
