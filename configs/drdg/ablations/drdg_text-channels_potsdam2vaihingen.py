# DRDG with the channels of the paper's text: six halvings instead of the released code's seven.
# of: drdg/drdg_potsdam2vaihingen.py
# ablates: model.generator.channels
_base_ = '../drdg_potsdam2vaihingen.py'
model = dict(generator=dict(channels=(64, 128, 256, 512, 512, 512)))
