# LoveDA Rural -> Urban, as released: the checkpoint is selected on labelled target images.
_base_ = './loveda-u2r-as-released-1024x1024.py'
train_dataloader = dict(dataset=dict(domain='Rural'))
val_dataloader = dict(dataset=dict(domain='Urban'))
test_dataloader = dict(dataset=dict(domain='Urban'))
