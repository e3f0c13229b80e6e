# Translation by DRDG on the synthetic dataset, Urban -> Rural. tools/translate.py then translates
# Urban, and upernet_tiny_u2r.py is trained on the result (README.md).
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/drdg_tiny_u2r.py
_base_ = [
    '../_base_/models/drdg_tiny.py',
    '../_base_/datasets/sample-pairs-u2r-160x160-128x128.py',
    '../_base_/schedules/adam-rmsprop-drdg.py',
    '../_base_/default_runtime.py',
]
model = dict(target_size=(208, 208))  # size of a translated tile of 256²
train_cfg = dict(type='IterBasedTrainLoop', max_iters=800)
default_hooks = dict(checkpoint=dict(interval=400, save_best=None), logger=dict(interval=50))
custom_hooks = [dict(type='TranslationHook', interval=400)]
