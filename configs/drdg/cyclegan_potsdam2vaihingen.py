# Translation by CycleGAN's losses, as Benjdira et al. use it, with RDG's networks.
_base_ = [
    '../_base_/models/cyclegan_unet.py',
    '../_base_/datasets/potsdam2vaihingen-pairs-896x896-512x512.py',
    '../_base_/schedules/adam-rmsprop-drdg_101e-potsdam.py',
    '../_base_/default_runtime.py',
]
# Every five epochs. Nothing is validated: the last iteration counts.
default_hooks = dict(checkpoint=dict(interval=9310, save_best=None))
# CycleGAN has Adam at this rate for both.
optim_wrapper = dict(
    generators=dict(optimizer=dict(lr=2e-4)),
    critics=dict(optimizer=dict(_delete_=True, type='Adam', lr=2e-4, betas=(0.5, 0.999))),
)
