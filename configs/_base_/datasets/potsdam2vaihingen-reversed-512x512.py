# Validation and test areas of Vaihingen swapped: the checkpoint is selected on the
# 25 test areas and tested on the 8 validation areas.
_base_ = './potsdam2vaihingen-512x512.py'
val_dataloader = dict(dataset=dict(split='test'))
test_dataloader = dict(dataset=dict(split='val'))
