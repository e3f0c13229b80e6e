# Train on Vaihingen translated to the style of Potsdam: tiles of 896² with their old file names.
_base_ = './vaihingen2potsdam-512x512.py'
train_dataloader = dict(dataset=dict(data_root='data/vaihingen2potsdam'))
