"""List the configs that come with depthda, one line each."""

from argparse import ArgumentParser, Namespace

from depthda.config_files import described_configs
from depthda.errors import UserError

EXAMPLES = ('%(prog)s', '%(prog)s loveda server', 'depthda train sample/upernet_tiny_u2r')


def add_arguments(parser: ArgumentParser) -> None:
    text = 'list only configs whose name contains all these words'
    parser.add_argument('words', nargs='*', metavar='WORD', help=text)


def run(args: Namespace) -> None:
    words = [word.removeprefix('configs/').removesuffix('.py') for word in args.words]
    lines = [
        f'{name}  {text}'.rstrip()
        for name, text in described_configs()
        if all(word in name for word in words)
    ]
    if not lines:
        raise UserError(f'no config has {" and ".join(words)} in its name: use fewer words.')
    print(*lines, sep='\n')
