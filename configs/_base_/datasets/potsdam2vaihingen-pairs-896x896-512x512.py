# Random pairs of a Potsdam and a Vaihingen tile with their DSMs, to learn to translate one into the
# style of the other. No label is read. Target images come from all areas, because nothing says that
# DRDG left any out; dataset.target.split='val' takes those of the validation areas only.
source_root = 'data/potsdam'  # tiles of 896², about as large on the ground as
target_root = 'data/vaihingen'  # tiles of 512²
depth = 'dsm'  # None for RGB only (ResiDualGAN)
meta_keys = (
    'img_path', 'depth_path', 'domain', 'split', 'ori_shape', 'img_shape',
)  # fmt: skip

# Whole, unaugmented tiles: neither the paper nor its code mentions an augmentation.
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
    sampler=dict(type='RunSampler'),  # endless, and the same for any number of workers
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
# What tools/translate.py translates: every tile of the source, its labels and DSM resized with it.
translate_dataset = dict(
    type='Potsdam',
    data_root=source_root,
    split='all',
    depth=depth,
    pipeline=[dict(type='LoadImageFromFile'), dict(type='PackSegInputs', meta_keys=meta_keys)],
)
