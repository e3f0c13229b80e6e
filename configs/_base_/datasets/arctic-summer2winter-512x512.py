# Arctic scenes in two seasons, each prepared by tools/prepare_dataset.py arctic: train on summer,
# select the checkpoint on summer, test on winter. The dataset and its classes are not public.
_base_ = './prepared-512x512.py'
train_dataloader = dict(dataset=dict(data_root='data/arctic/summer'))
val_dataloader = dict(dataset=dict(data_root='data/arctic/summer'))
test_dataloader = dict(dataset=dict(data_root='data/arctic/winter'))
