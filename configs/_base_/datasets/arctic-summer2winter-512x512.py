# Arctic scenes in two seasons, each prepared by tools/prepare_dataset.py arctic: trained and
# selected on summer, tested on winter. Neither the dataset nor its list of classes is public.
_base_ = './prepared-512x512.py'
train_dataloader = dict(dataset=dict(data_root='data/arctic/summer'))
val_dataloader = dict(dataset=dict(data_root='data/arctic/summer'))
test_dataloader = dict(dataset=dict(data_root='data/arctic/winter'))
