"""Run ``depthda cost``."""

from depthda.main import run_tool

if __name__ == '__main__':
    run_tool(__file__)
