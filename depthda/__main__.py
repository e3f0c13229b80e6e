"""Run ``python -m depthda COMMAND …``, which is how torchrun starts the commands."""

from depthda.main import run_console

if __name__ == '__main__':
    run_console()
