import cv2
import numpy as np

from depthda.pictures.colours import DARK, LIGHT
from depthda.pictures.panel import PanelRow, draw_panel


def test_the_picture_shows_the_palette_and_stripes_over_ignored_pixels(tmp_path):
    labels = np.zeros((64, 64), np.uint8)
    labels[:, 32:] = 1
    labels[:8] = 255
    row = PanelRow(
        text='tile',
        image=np.full((64, 64, 3), (10, 20, 30), np.uint8),
        depth=np.full((64, 64), 0.5, np.float32),
        labels=labels,
        predictions={'model': np.zeros((64, 64), np.uint8)},
    )
    palette = [[200, 40, 40], [40, 40, 200]]
    draw_panel(tmp_path / 'panel.png', [row], ['red', 'blue'], palette, 'title')
    picture = cv2.imread(str(tmp_path / 'panel.png'))[..., ::-1]

    def pixels(colour) -> int:
        return int((picture == np.array(colour)).all(-1).sum())

    red, blue, *stripes = map(pixels, [*palette, LIGHT, DARK])
    # The labels are 7/16 red, 7/16 blue and 1/8 ignored; the prediction is red everywhere.
    assert red > 3 * blue > 0
    assert min(stripes) > 0 and sum(stripes) < blue
    assert pixels((10, 20, 30)) > 0
