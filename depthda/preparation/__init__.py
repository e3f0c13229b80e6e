"""Data sets as downloaded made into the tiles that are trained on; one module a data set."""
