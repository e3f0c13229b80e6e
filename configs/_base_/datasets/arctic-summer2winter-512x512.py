# Arctic scenes in two seasons, each a folder of tools/prepare_dataset.py arctic: trained and
# selected on summer, tested on winter. Neither the set nor its classes are public.
_base_ = './prepared-512x512.py'
train_dataloader = dict(dataset=dict(data_root='data/arctic/summer'))
val_dataloader = dict(dataset=dict(data_root='data/arctic/summer'))
test_dataloader = dict(dataset=dict(data_root='data/arctic/winter'))
