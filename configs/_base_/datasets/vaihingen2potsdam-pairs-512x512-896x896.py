# Random pairs of a Vaihingen and a Potsdam tile, to train a translation of Vaihingen into the style
# of Potsdam.
_base_ = './potsdam2vaihingen-pairs-896x896-512x512.py'
train_dataloader = dict(
    dataset=dict(
        source=dict(type='Vaihingen', data_root='data/vaihingen'),
        target=dict(type='Potsdam', data_root='data/potsdam'),
    )
)
translate_dataset = dict(type='Vaihingen', data_root='data/vaihingen')
