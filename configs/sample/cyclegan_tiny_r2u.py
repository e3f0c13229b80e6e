# Translation by CycleGAN's losses on the synthetic dataset, Rural -> Urban. tools/translate.py then
# translates Rural, and upernet_tiny_r2u.py is trained on the result (README.md).
# Make the dataset first: python tools/make_sample.py data/sample
# Train the model with
#   python tools/train.py configs/sample/cyclegan_tiny_r2u.py
_base_ = [
    '../_base_/models/cyclegan_tiny.py',
    '../_base_/datasets/sample-pairs-r2u-128x128-160x160.py',
    '../_base_/schedules/adam-rmsprop-drdg.py',
    '../_base_/default_runtime.py',
]
model = dict(target_size=(320, 320))  # size of a translated tile of 256²
train_cfg = dict(type='IterBasedTrainLoop', max_iters=800)
default_hooks = dict(checkpoint=dict(interval=400, save_best=None), logger=dict(interval=50))
custom_hooks = [dict(type='TranslationHook', interval=400)]
# CycleGAN trains generators and critics with Adam at this learning rate.
optim_wrapper = dict(
    generators=dict(optimizer=dict(lr=2e-4)),
    critics=dict(optimizer=dict(_delete_=True, type='Adam', lr=2e-4, betas=(0.5, 0.999))),
)
