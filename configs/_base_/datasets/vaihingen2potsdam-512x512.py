# Vaihingen IRRG -> Potsdam IRRG: trained on every area of Vaihingen, selected on the areas that the
# benchmark of Potsdam trains on (24), tested on those that it tests on (14).
_base_ = './potsdam2vaihingen-512x512.py'
train_dataloader = dict(dataset=dict(type='Vaihingen', data_root='data/vaihingen'))
val_dataloader = dict(
    dataset=dict(type='Potsdam', data_root='data/potsdam', split='official-train')
)
test_dataloader = dict(
    dataset=dict(type='Potsdam', data_root='data/potsdam', split='official-test')
)
