"""Transforms that use single channels, or that replace faulty stock transforms."""
