"""Images, labels and depth, paired and checked; what may be done to them before a model."""
