# DepthDA on the synthetic dataset, Urban -> Rural, validated on both domains: the source alone
# selects the checkpoint, and the report page shows what a selection on the target would gain.
_base_ = './depthda_tiny_u2r.py'
val_dataloader = dict(dataset=dict(domain=['Urban', 'Rural']))
val_evaluator = dict(headline='Urban')
