"""How runs are driven: sampling, seeds, optimisers, checkpoints, the command line's work."""
