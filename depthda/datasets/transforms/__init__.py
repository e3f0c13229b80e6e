"""The transforms that look at channels, or that stock ones get wrong."""
