"""Columns of the LoveDA classes: those of its tables and of the synthetic ones."""

CLASSES = ('background', 'building', 'road', 'water', 'barren', 'forest', 'agricultural')


def class_columns(**titles: str) -> list[dict]:
    """Return a column of IoU for each class; ``titles`` holds other spellings of a paper."""
    return [dict(key=f'IoU.{name}', title=titles.get(name, name.capitalize())) for name in CLASSES]
