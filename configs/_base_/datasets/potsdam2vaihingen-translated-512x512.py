# Trained on Potsdam translated to the looks of Vaihingen: images_irrg and labels of 512², in the
# tree and with the file names of Potsdam's own tiles.
_base_ = './potsdam2vaihingen-512x512.py'
train_dataloader = dict(dataset=dict(data_root='data/potsdam2vaihingen'))
