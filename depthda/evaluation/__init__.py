"""Scores, label maps and submissions from predictions."""

from depthda.evaluation import prediction_writer, segmentation_metric  # noqa: F401
