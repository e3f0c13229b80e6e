# Synthetic scenes of both domains, each on two dates, for pretraining without labels. No table
# tests on this world.
# Make the dataset first:
#   depthda sample data/sample-two-dates --two-dates --seed 1000 --train 160 --val 0 --test 0
_base_ = '../pipelines/steps.py'
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    sampler=dict(type='RunSampler'),
    dataset=dict(
        type='LoveDARGBD',
        data_root='data/sample-two-dates',
        domain=['Urban', 'Rural'],
        split='Train',
        depth=None,
        labels=False,
        cache='memory',  # 320 small scenes
        pipeline=[
            dict(type='LoadMultibandImage'),
            dict(type='RandomCrop', crop_size=(128, 128)),
            _base_.random_flip,
            _base_.pack,
        ],
    ),
)
