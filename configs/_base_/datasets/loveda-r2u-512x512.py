# LoveDA Rural -> Urban, local protocol (described in loveda-u2r-512x512.py).
_base_ = './loveda-u2r-512x512.py'
train_dataloader = dict(dataset=dict(domain='Rural'))
val_dataloader = dict(dataset=dict(domain='Rural'))
test_dataloader = dict(dataset=dict(domain='Urban'))
target_images = dict(domain='Urban')
