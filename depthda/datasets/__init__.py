"""Datasets of images, labels and depth, and the transforms of their pipelines."""
