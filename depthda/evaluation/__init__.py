"""Scores, label maps and submissions from predictions."""
