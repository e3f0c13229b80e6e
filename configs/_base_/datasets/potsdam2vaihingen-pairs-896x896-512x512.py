# Random pairs of a Potsdam and a Vaihingen tile with their DSMs, to train a translation between
# their styles. No labels are read. Target tiles come from all areas, because DRDG does not
# exclude any; train_dataloader.dataset.target.split='val' uses the validation areas only.
source_root = 'data/potsdam'  # tiles of 896² with pixels of 5 cm: 45 m
target_root = 'data/vaihingen'  # tiles of 512² with pixels of 9 cm: 46 m
depth = 'dsm'  # None for RGB only (ResiDualGAN)
meta_keys = (
    'img_path', 'depth_path', 'domain', 'split', 'ori_shape', 'img_shape',
)  # fmt: skip

# Tiles are neither cropped nor augmented: the paper and its released code do neither.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth', folder=depth, image_folder='images_irrg'),
    dict(type='PackSegInputs', meta_keys=meta_keys),
]
train_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    pin_memory=True,
    sampler=dict(type='RunSampler'),  # endless; the order does not depend on the number of workers
    dataset=dict(
        type='DomainPairDataset',
        source=dict(
            type='Potsdam',
            data_root=source_root,
            split='all',
            depth=depth,
            labels=False,
            pipeline=train_pipeline,
        ),
        target=dict(
            type='Vaihingen',
            data_root=target_root,
            split='all',
            depth=depth,
            labels=False,
            pipeline=train_pipeline,
        ),
    ),
)
# tools/translate.py translates all tiles of the source, and resizes their labels and DSMs to match.
translate_dataset = dict(
    type='Potsdam',
    data_root=source_root,
    split='all',
    depth=depth,
    pipeline=[dict(type='LoadImageFromFile'), dict(type='PackSegInputs', meta_keys=meta_keys)],
)
