"""Cut datasets as downloaded into tiles for training; each dataset has its own module."""
