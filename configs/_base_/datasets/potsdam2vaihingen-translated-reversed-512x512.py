# Train on translated Potsdam, with the validation and test areas of Vaihingen swapped.
_base_ = './potsdam2vaihingen-translated-512x512.py'
val_dataloader = dict(dataset=dict(split='test'))
test_dataloader = dict(dataset=dict(split='val'))
