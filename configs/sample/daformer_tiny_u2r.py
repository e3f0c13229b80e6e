# DAFormer's self-training around upernet_tiny_u2r.py: Urban with labels, Rural without.
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/daformer_tiny_u2r.py
_base_ = './upernet_tiny_u2r.py'
model = dict(
    _delete_=True,
    type='DomainAdaptation',
    segmentor={{_base_.model}},
    teacher=dict(type='EMATeacher', momentum=0.99),
    pseudo=dict(type='ConfidentShare', threshold=0.9),
    mix=dict(type='ClassMix'),
    augmentation=dict(type='StrongAugmentation'),
)
target_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadDepth'),
    dict(type='RandomCrop', crop_size=(128, 128)),
    {{_base_.random_flip}},
    {{_base_.pack}},
]
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='DomainPairDataset',
        source_first=True,
        source={{_base_.train_dataloader.dataset}},
        target=dict(
            type='LoveDARGBD',
            data_root={{_base_.data_root}},
            domain='Rural',
            split='Train',
            depth=None,
            labels=False,
            pipeline=target_pipeline,
        ),
    )
)
