# Trained on translated images, with the parts of Vaihingen exchanged.
_base_ = './potsdam2vaihingen-translated-512x512.py'
val_dataloader = dict(dataset=dict(split='test'))
test_dataloader = dict(dataset=dict(split='val'))
