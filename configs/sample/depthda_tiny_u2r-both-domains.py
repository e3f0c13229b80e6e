# DepthDA on the synthetic dataset, Urban -> Rural, with validations on both domains: the source
# alone chooses the checkpoint, and the report page shows what a choice on the target would gain.
_base_ = './depthda_tiny_u2r.py'
val_dataloader = dict(dataset=dict(domain=['Urban', 'Rural']))
val_evaluator = dict(headline='Urban')
