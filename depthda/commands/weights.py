"""Download the pretrained weights that a config needs, to train without internet access.

Weights from the Hugging Face hub go to DIR/huggingface, others to DIR/torch, and the command prints
the environment variables with which training finds them. Without --dir, they go to the default
folders of the libraries.
"""

import os
from argparse import ArgumentParser, Namespace

from depthda.cli import add_cfg_options

EXAMPLES = (
    '%(prog)s depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512 --dir weights',
    '%(prog)s configs/baselines/*_loveda-u2r-512x512.py --dir weights',
)


def add_arguments(parser: ArgumentParser) -> None:
    text = 'config files, or names of those that come with depthda'
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help=text)
    text = 'folder for the weights, which the training nodes can read too'
    parser.add_argument('--dir', metavar='DIR', help=text)
    add_cfg_options(parser)


def run(args: Namespace) -> None:
    environment = {}
    if args.dir:
        folder = os.path.abspath(args.dir)
        environment = {'HF_HOME': f'{folder}/huggingface', 'TORCH_HOME': f'{folder}/torch'}
        # Set them before the libraries are imported, because they are read only once.
        os.environ.update(environment)
    from depthda.engine.prepare import load_config
    from depthda.engine.pretrained import fetch, pretrained_weights

    all_weights = {}
    for config in args.configs:
        all_weights |= dict.fromkeys(pretrained_weights(load_config(config, args.cfg_options)))
    for weights in all_weights:
        print(f'{weights}: {fetch(weights)}', flush=True)
    if not all_weights:
        print('nothing to download: the config names no pretrained weights')
    elif environment:
        settings = ' '.join(f'{name}={value}' for name, value in environment.items())
        print(f'train with: env {settings} HF_HUB_OFFLINE=1 depthda train …')
