"""From predictions to figures, label maps and submissions."""
