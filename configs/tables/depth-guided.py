# The ablations of the relative-depth-guided framework, LoveDA Urban -> Rural, local protocol. No
# paper prints these figures: they are this project's to measure.
title = 'Depth-guided framework: ablations (LoveDA, Urban → Rural)'
caption = (
    'IoU in % on target Val, mean ± standard deviation over seeds; gain: over the RGB-only '
    'ConvNeXt-B of the same seed, with its 95 % interval over seeds.'
)
seeds = (0, 1, 2)
CLASSES = ('background', 'building', 'road', 'water', 'barren', 'forest', 'agricultural')
columns = [dict(key=f'IoU.{name}', title=name.capitalize()) for name in CLASSES]
columns += [dict(key='mIoU', title='mIoU'), dict(key='mIoU', title='gain', gain=True)]
SMOKE = {
    'train_cfg.max_iters': 2,
    'train_cfg.val_interval': 2,
    'default_hooks.checkpoint.interval': 2,
    'train_dataloader.batch_size': 2,
    'param_scheduler.0.end': 1,
    'param_scheduler.1.begin': 1,
    'param_scheduler.1.end': 2,
}
DATA = '1xb4-40k_loveda-u2r-512x512.py'


def row(name, title, config, section, model='depth_guided_tiny', **rest):
    return dict(
        name=name,
        title=title,
        section=section,
        config=f'configs/{config}_{DATA}',
        baseline='rgb',
        smoke=dict(config=f'configs/sample/{model}_u2r.py', options=SMOKE),
        **rest,
    )


def ablation(name, title, section, **rest):
    return row(name, title, f'depth_guided/ablations/{name}', section, **rest)


ENCODERS = {
    'convnext-s-s': 'ConvNeXt-S + S',
    'convnext-s-t': 'ConvNeXt-S + T',
    'convnext-t-t': 'ConvNeXt-T + T',
    'convnext-l-s': 'ConvNeXt-L + S',
    'swin-b-s': 'Swin-B + S',
    'swin-l-s': 'Swin-L + S',
    'mit-b5-b1': 'MiT-B5 + B1',
}
SOURCES = {
    'small': 'V1 Small',
    'base': 'V1 Base',
    'v2-small': 'V2 Small',
    'v2-base': 'V2 Base',
    'v2-large': 'V2 Large',
}
PARTS, MORE, CONTROL = 'Contributions', 'Choices', 'Is it depth?'
rgb = row('rgb', 'RGB only', 'baselines/convnext-b_upernet', PARTS, model='upernet_tiny')
del rgb['baseline']
rows = [
    rgb,
    ablation('depth-only', '+ depth', PARTS, model='depthda_tiny'),
    ablation('wo-refinement', '+ depth + contrast', PARTS),
    ablation('wo-contrast', '+ depth + refinement', PARTS),
    row('both', '+ depth + both', 'depth_guided/depth_guided_convnext-b-s', PARTS),
    ablation('fusion-gated', 'gated fusion', MORE),
    ablation('fusion-add', 'added fusion', MORE),
    ablation('pair-depth-rgb', 'cross-modal pairs', MORE),
    *(
        ablation(f'contrast-x{factor}', f'contrast × {factor}', MORE)
        for factor in ('0.5', '2', '3', '4', '5')
    ),
    *(ablation(name, title, 'Encoders') for name, title in ENCODERS.items()),
    ablation('control-grey', 'second encoder fed the grey image', CONTROL),
    ablation('control-constant', 'second encoder fed a constant', CONTROL),
    ablation('control-other-tile', "second encoder fed another tile's depth", CONTROL),
    ablation('early-fusion', 'one encoder, stem of four channels', CONTROL, model='depthda_tiny'),
    ablation('depth-alone', 'depth alone, no optical band', CONTROL, model='depthda_tiny'),
    ablation('photometric', 'photometric augmentation', CONTROL),
    ablation(
        'photometric-rgb', 'photometric augmentation, RGB only', CONTROL, model='upernet_tiny'
    ),
    *(
        ablation(f'depth-{name}', f'Depth Anything {title}', 'Source of the depth maps')
        for name, title in SOURCES.items()
    ),
]
