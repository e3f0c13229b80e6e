"""From predictions to figures, label maps and submissions."""

from depthda.evaluation import prediction_writer, segmentation_metric  # noqa: F401
