# The steps that the pipelines of all datasets share. A file in ../datasets combines them with its
# own steps, which load its depth maps and crop and rotate its images.

# Metadata that each sample keeps; depth_path, domain and split are in addition to mmseg's keys.
meta_keys = (
    'img_path', 'seg_map_path', 'depth_path', 'domain', 'split', 'ori_shape', 'img_shape',
    'pad_shape', 'scale_factor', 'flip', 'flip_direction', 'reduce_zero_label',
)  # fmt: skip

load_image = dict(type='LoadImageFromFile')
load_labels = dict(type='LoadAnnotations')
# Loads no depth, for models that do not read it: no depth maps need to exist.
no_depth = dict(type='LoadDepth')
# For training: no flip or one of three flips, each with a probability of 1/4.
random_flip = dict(
    type='RandomFlip',
    prob=[0.25, 0.25, 0.25],
    direction=['horizontal', 'vertical', 'diagonal'],
)
pack = dict(type='PackSegInputs', meta_keys=meta_keys)

# Test-time augmentation (tools/test.py --tta) averages the class scores over these views.
flips = [
    dict(type='RandomFlip', prob=0.0),
    dict(type='RandomFlip', prob=1.0, direction='horizontal'),
    dict(type='RandomFlip', prob=1.0, direction='vertical'),
]
average_flips = dict(type='TestTimeAug', transforms=[flips, [load_labels], [pack]])
average_flips_unlabelled = dict(type='TestTimeAug', transforms=[flips, [pack]])
