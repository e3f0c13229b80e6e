"""``python -m depthda COMMAND …``, as torchrun starts it."""

from depthda.main import run_console

if __name__ == '__main__':
    run_console()
