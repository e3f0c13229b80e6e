"""Encoders for optical bands and depth, their fusion, heads, segmentors, and translation."""
