# CycleGAN's losses with RDG's networks: Potsdam IRRG -> Vaihingen IRRG. It is not in the paper.
# Train the model with
#   python tools/train.py configs/drdg/rdg_cyclegan-losses_potsdam2vaihingen.py --amp
_base_ = [
    '../_base_/models/rdg_cyclegan-losses.py',
    '../_base_/datasets/potsdam2vaihingen-pairs-896x896-512x512.py',
    '../_base_/schedules/adam-rmsprop-drdg_101e-potsdam.py',
    '../_base_/default_runtime.py',
]
# Every five epochs. There is no validation: the last checkpoint is the result.
default_hooks = dict(checkpoint=dict(interval=9310, save_best=None))
# CycleGAN trains generators and critics with Adam at this learning rate.
optim_wrapper = dict(
    generators=dict(optimizer=dict(lr=2e-4)),
    critics=dict(optimizer=dict(_delete_=True, type='Adam', lr=2e-4, betas=(0.5, 0.999))),
)
