# DRDG with the channels in the text of the paper: six convolutions, not seven as in the released
# code.
# of: drdg/drdg_potsdam2vaihingen.py
# ablates: model.generator.channels
_base_ = '../drdg_potsdam2vaihingen.py'
model = dict(generator=dict(channels=(64, 128, 256, 512, 512, 512)))
