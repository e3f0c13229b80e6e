# The built-in synthetic dataset, Rural -> Urban.
_base_ = './sample-u2r-128x128.py'
train_dataloader = dict(dataset=dict(domain='Rural'))
val_dataloader = dict(dataset=dict(domain='Rural'))
test_dataloader = dict(dataset=dict(domain='Urban'))
target_images = dict(domain='Urban')
