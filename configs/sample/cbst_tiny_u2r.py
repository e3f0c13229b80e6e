# CBST around upernet_tiny_u2r.py: Urban with labels, Rural without.
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/cbst_tiny_u2r.py
_base_ = './daformer_tiny_u2r.py'
model = dict(
    teacher=dict(_delete_=True, type='SnapshotTeacher', every=50),
    pseudo=dict(_delete_=True, type='ClassPortion', num_classes=7, portion=0.5),
    mix=None,
    augmentation=None,
    warm_up=100,
    pseudo_weight=0.5,
)
custom_hooks = [dict(type='ClassThresholdHook')]
