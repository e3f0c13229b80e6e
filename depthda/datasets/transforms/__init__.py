"""Transforms for images with depth, and corrected versions of mmseg's transforms."""
