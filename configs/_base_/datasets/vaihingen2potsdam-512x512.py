# Vaihingen IRRG -> Potsdam IRRG: train on all areas of Vaihingen, select the checkpoint on the 24
# training areas of the Potsdam benchmark, test on its 14 test areas.
_base_ = './potsdam2vaihingen-512x512.py'
train_dataloader = dict(dataset=dict(type='Vaihingen', data_root='data/vaihingen'))
val_dataloader = dict(
    dataset=dict(type='Potsdam', data_root='data/potsdam', split='official-train')
)
test_dataloader = dict(
    dataset=dict(type='Potsdam', data_root='data/potsdam', split='official-test')
)
