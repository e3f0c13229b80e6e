# ablates: model.depth_decoder, model.prompter, model.loss_depth
# ablates: model.decode_head.prompt_channels
# of: depthseg/depthseg_dinov2-l_1xb2-50e_liuzhou-512x512.py
# Adapter only: the model neither predicts nor learns depth.
_base_ = '../depthseg_dinov2-l_1xb2-50e_liuzhou-512x512.py'
model = dict(
    depth_decoder=None,
    prompter=None,
    loss_depth=None,
    decode_head=dict(prompt_channels=0),
)
