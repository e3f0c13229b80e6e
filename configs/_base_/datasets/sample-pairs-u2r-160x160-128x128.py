# Random pairs of an Urban and a Rural image of the synthetic dataset (tools/make_sample.py), to
# train a translation between their styles. Neither labels nor test images are read.
# A pixel is 0.5 m in Urban and 0.65 m in Rural, so both crops cover about the same area.
data_root = 'data/sample'
depth = 'rdepth/synthetic'  # None for RGB only
source_crop, target_crop = (160, 160), (128, 128)
meta_keys = (
    'img_path', 'depth_path', 'domain', 'split', 'ori_shape', 'img_shape',
)  # fmt: skip

source_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth', folder=depth),
    dict(type='RandomCrop', crop_size=source_crop),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
target_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth', folder=depth),
    dict(type='RandomCrop', crop_size=target_crop),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
train_dataloader = dict(
    batch_size=1,
    num_workers=0,
    sampler=dict(type='RunSampler'),
    dataset=dict(
        type='DomainPairDataset',
        source=dict(
            type='LoveDARGBD',
            data_root=data_root,
            domain='Urban',
            split='Train',
            depth=depth,
            pipeline=source_pipeline,
            cache='memory',
        ),
        target=dict(
            type='LoveDARGBD',
            data_root=data_root,
            domain='Rural',
            split='Train',
            depth=depth,
            pipeline=target_pipeline,
            cache='memory',
        ),
    ),
)
# tools/translate.py translates whole images, and resizes their labels and depth to match.
translate_dataset = dict(
    type='LoveDARGBD',
    data_root=data_root,
    domain='Urban',
    split='Train',
    depth=depth,
    pipeline=[dict(type='LoadImageFromFile'), dict(type='PackSegInputs', meta_keys=meta_keys)],
)
