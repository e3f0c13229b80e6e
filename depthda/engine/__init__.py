"""Train and test configs: checks, samplers, seeds, optimisers, hooks, results."""
