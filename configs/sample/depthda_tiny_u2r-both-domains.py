# RGB and relative depth on the synthetic set, Urban -> Rural. Validations score both domains, and
# the source alone chooses the checkpoint; the report page shows what a choice on the target gains.
_base_ = './depthda_tiny_u2r.py'
val_dataloader = dict(dataset=dict(domain=['Urban', 'Rural']))
val_evaluator = dict(headline='Urban')
