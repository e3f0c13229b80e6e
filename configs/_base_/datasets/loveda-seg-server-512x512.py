# LoveDA's plain segmentation challenge: trained on all labelled images of both domains, predicted
# on both test sets, whose labels are hidden. Both go into one zip:
# python tools/test.py CONFIG CHECKPOINT --submission both.zip
_base_ = './loveda-u2r-server-512x512.py'
train_dataloader = dict(dataset=dict(domain=['Urban', 'Rural']))
test_dataloader = dict(dataset=dict(domain=['Urban', 'Rural']))
