# ablates: model.adapter
# of: depthseg/depthseg_dinov2-s_1xb8-50e_liuzhou-512x512.py
# Depth prompter only: the head reads the features of the encoder without an adapter.
_base_ = '../depthseg_dinov2-s_1xb8-50e_liuzhou-512x512.py'
model = dict(adapter=None)
