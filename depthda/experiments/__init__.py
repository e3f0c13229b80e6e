"""Experiments: tables of runs, comparisons, pictures and report pages."""
