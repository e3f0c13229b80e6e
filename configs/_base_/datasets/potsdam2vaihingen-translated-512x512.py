# Train on Potsdam translated to the style of Vaihingen: images and labels of 512², with the
# same folder and file names as the original tiles.
_base_ = './potsdam2vaihingen-512x512.py'
train_dataloader = dict(dataset=dict(data_root='data/potsdam2vaihingen'))
