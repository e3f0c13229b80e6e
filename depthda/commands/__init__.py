"""The commands of ``depthda``; :mod:`depthda.main` adds their arguments and runs them."""
