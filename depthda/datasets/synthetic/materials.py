"""The materials of the ground. A class has several materials, each with its own colour.

Materials of different classes have nearly the same colour on purpose (concrete roofs, concrete
roads and paved yards; bitumen roofs and asphalt; tiles, soil and ploughed fields; tree crowns,
orchards and lush crops), so that height is needed to tell their classes apart.
"""

from enum import IntEnum

import numpy as np

# LoveDA's raw codes.
NO_DATA, BACKGROUND, BUILDING, ROAD, WATER, BARREN, FOREST, AGRICULTURE = range(8)


# Each row has the name, class, colour in summer, colour in autumn and strength of the fine texture
# of a material. The index of the row is the code of the material.
_TABLE = (
    ('LAWN', BACKGROUND, (92, 114, 68), (124, 120, 80), 0.9),
    ('PAVED', BACKGROUND, (152, 148, 140), (152, 148, 140), 0.7),
    ('MEADOW', BACKGROUND, (112, 122, 78), (138, 126, 86), 1.3),
    ('ROOF_CONCRETE', BUILDING, (154, 150, 143), (154, 150, 143), 0.5),
    ('ROOF_BITUMEN', BUILDING, (94, 94, 95), (94, 94, 95), 0.6),
    ('ROOF_TILE', BUILDING, (142, 102, 82), (142, 102, 82), 0.6),
    ('ROOF_METAL', BUILDING, (112, 136, 168), (112, 136, 168), 0.3),
    ('ASPHALT', ROAD, (97, 97, 98), (97, 97, 98), 0.6),
    ('CONCRETE_ROAD', ROAD, (157, 153, 145), (157, 153, 145), 0.5),
    ('TRACK', ROAD, (150, 126, 102), (148, 124, 100), 0.8),
    ('WATER', WATER, (50, 76, 78), (56, 78, 78), 0.25),
    ('SOIL', BARREN, (156, 124, 96), (154, 124, 97), 1.0),
    ('RUBBLE', BARREN, (158, 148, 132), (158, 148, 132), 1.3),
    ('BROADLEAF', FOREST, (66, 92, 54), (96, 94, 58), 0.9),
    ('CONIFER', FOREST, (52, 76, 52), (56, 74, 50), 0.9),
    ('GREEN_CROP', AGRICULTURE, (72, 102, 56), (84, 100, 56), 0.8),
    ('RIPE_CROP', AGRICULTURE, (150, 140, 90), (154, 132, 90), 0.9),
    ('PLOUGHED', AGRICULTURE, (134, 110, 90), (138, 114, 93), 1.0),
    ('ORCHARD', AGRICULTURE, (68, 94, 54), (92, 96, 58), 0.9),
    ('PADDY', AGRICULTURE, (70, 90, 72), (86, 90, 72), 0.4),
    ('CAR', ROAD, (128, 128, 130), (128, 128, 130), 0.0),
)
# Codes of the material map.
Material = IntEnum('Material', [row[0] for row in _TABLE], start=0)

CLASS_OF = np.array([row[1] for row in _TABLE], np.uint8)
SUMMER = np.array([row[2] for row in _TABLE], np.float32)
AUTUMN = np.array([row[3] for row in _TABLE], np.float32)
TEXTURE = np.array([row[4] for row in _TABLE], np.float32)


def is_any(material: np.ndarray, *codes: Material) -> np.ndarray:
    """Return where a map holds one of the codes, with a look-up table (faster than ``np.isin``)."""
    table = np.zeros(len(Material), bool)
    table[list(codes)] = True
    return table[material]
