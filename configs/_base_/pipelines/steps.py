# The steps that the pipelines of every dataset share. A dataset file in ../datasets puts them
# together and adds what is its own: where its depth maps are, and how it crops and turns.

# What a sample reports about itself, in addition to mmseg's keys.
meta_keys = (
    'img_path', 'seg_map_path', 'depth_path', 'domain', 'split', 'ori_shape', 'img_shape',
    'pad_shape', 'scale_factor', 'flip', 'flip_direction', 'reduce_zero_label',
)  # fmt: skip

load_image = dict(type='LoadImageFromFile')
load_labels = dict(type='LoadAnnotations')
# For models that read no depth: images can then be tested without depth maps.
no_depth = dict(type='LoadDepth')
# Training: one of three flips or none, each as often.
random_flip = dict(
    type='RandomFlip',
    prob=[0.25, 0.25, 0.25],
    direction=['horizontal', 'vertical', 'diagonal'],
)
pack = dict(type='PackSegInputs', meta_keys=meta_keys)

# Test-time augmentation (tools/test.py --tta): scores are averaged over these views.
flips = [
    dict(type='RandomFlip', prob=0.0),
    dict(type='RandomFlip', prob=1.0, direction='horizontal'),
    dict(type='RandomFlip', prob=1.0, direction='vertical'),
]
average_flips = dict(type='TestTimeAug', transforms=[flips, [load_labels], [pack]])
average_flips_unlabelled = dict(type='TestTimeAug', transforms=[flips, [pack]])
