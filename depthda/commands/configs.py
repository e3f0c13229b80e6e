"""List the configs that come with depthda, one line each."""

from argparse import ArgumentParser, Namespace

from depthda.config_files import described_configs

EXAMPLES = ('%(prog)s', '%(prog)s loveda server', 'depthda train sample/upernet_tiny_u2r')


def add_arguments(parser: ArgumentParser) -> None:
    text = 'list only configs whose name contains all these words'
    parser.add_argument('words', nargs='*', metavar='WORD', help=text)


def run(args: Namespace) -> int:
    found = False
    for name, text in described_configs():
        if all(word in name for word in args.words):
            found = True
            print(f'{name}  {text}'.rstrip())
    return 0 if found else 1
