# Validation and test areas of Vaihingen swapped: select on the 25 areas, test on the 8.
_base_ = './potsdam2vaihingen-512x512.py'
val_dataloader = dict(dataset=dict(split='test'))
test_dataloader = dict(dataset=dict(split='val'))
