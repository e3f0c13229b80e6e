"""Runs that belong together, and what is shown of them."""
