# Trained on Potsdam translated to the style of Vaihingen: images_irrg and labels of 512², with the
# folders and file names of the original tiles.
_base_ = './potsdam2vaihingen-512x512.py'
train_dataloader = dict(dataset=dict(data_root='data/potsdam2vaihingen'))
