"""``python -m depthda COMMAND …``, as torchrun starts it."""

from depthda.main import main

if __name__ == '__main__':
    raise SystemExit(main())
