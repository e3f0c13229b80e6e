# LoveDA Rural -> Urban, server protocol.
_base_ = './loveda-u2r-server-512x512.py'
train_dataloader = dict(dataset=dict(domain='Rural'))
test_dataloader = dict(dataset=dict(domain='Urban'))
target_images = dict(domain='Urban')
