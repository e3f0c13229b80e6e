# DRDG, Potsdam IRRG -> Vaihingen IRRG, as its released code trains it (docs/differences.md).
_base_ = './drdg_potsdam2vaihingen.py'
model = dict(
    generator=dict(depth_decoder='shared'),
    depth_loss=dict(type='BerHuLoss', through_threshold=True, eps=1e-4),
    depth_resize='nearest',
)
train_dataloader = dict(dataset=dict(replacement=True))
# Each optimiser has its own hook, which monitors its loss in the last batch of an epoch.
plateau = dict(type='PlateauHook', factor=0.5, patience=25, of_epoch='last', min_lr=1e-6)
custom_hooks = [
    dict(monitor='loss', part='generators', **plateau),
    dict(monitor='loss_critic', part='critics', **plateau),
    _base_.custom_hooks[1],
]
