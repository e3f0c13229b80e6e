# LoveDA's segmentation challenge, without domain adaptation: train on all labelled images of both
# domains, predict both test splits, whose labels are hidden. One zip holds both predictions:
# python tools/test.py CONFIG CHECKPOINT --submission both.zip
_base_ = './loveda-u2r-server-512x512.py'
train_dataloader = dict(dataset=dict(domain=['Urban', 'Rural']))
test_dataloader = dict(dataset=dict(domain=['Urban', 'Rural']))
