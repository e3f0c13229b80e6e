# Random pairs of a Rural and an Urban image of the synthetic dataset.
_base_ = './sample-pairs-u2r-160x160-128x128.py'
train_dataloader = dict(
    dataset=dict(
        source=dict(domain='Rural', pipeline={{_base_.target_pipeline}}),
        target=dict(domain='Urban', pipeline={{_base_.source_pipeline}}),
    )
)
translate_dataset = dict(domain='Rural')
