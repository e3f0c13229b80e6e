import numpy as np

from depthda.pictures.colours import DARK, LIGHT, class_patches, of_depth, of_labels, palette_of

GREYS = {LIGHT, DARK}


def colours_of(picture: np.ndarray) -> set[tuple[int, ...]]:
    return {tuple(pixel) for pixel in picture.reshape(-1, 3).tolist()}


def test_no_depth_and_no_class_are_striped():
    depth = np.full((64, 64), 0.6, np.float32)
    depth[:, :32] = 0
    picture = of_depth(depth, (0, 1))
    assert colours_of(picture[:, :32]) == GREYS
    assert len(colours_of(picture[:, 32:])) == 1
    label = np.full((64, 64), 1)
    label[:32] = 255
    palette = [[9, 9, 9], [200, 0, 40]]
    picture = of_labels(label, palette)
    assert colours_of(picture[:32]) == GREYS and colours_of(picture[32:]) == {(200, 0, 40)}
    # 65 % class colour, 35 % of the grey image.
    picture = of_labels(label, palette, np.full((64, 64, 3), 100, np.uint8))
    assert colours_of(picture[:32]) == GREYS and colours_of(picture[32:]) == {(165, 35, 61)}


def test_nearer_is_brighter():
    depth = np.linspace(0.01, 1, 100)[None].repeat(2, 0)
    brightness = of_depth(depth, (0, 1)).sum(-1, dtype=int)[0]
    assert (np.diff(brightness) >= 0).all() and brightness[-1] > 4 * brightness[0]


def test_the_default_scale_is_that_of_the_map():
    depth = np.array([[0.25, 0.5, 0.75, 0]])
    np.testing.assert_array_equal(
        of_depth(depth)[0, :3], of_depth(np.array([[1e-9, 0.5, 1]]), (0, 1))[0]
    )
    assert (of_depth(depth, (0, 1))[0, :3] != of_depth(depth)[0, :3]).any()
    # Depth in metres or 16-bit codes works like relative depth.
    codes = (depth * 10_000).astype(np.uint16)
    np.testing.assert_array_equal(of_depth(codes), of_depth(depth))
    level = of_depth(np.full((2, 2), 7.0))
    np.testing.assert_array_equal(level, of_depth(np.full((2, 2), 0.5), (0, 1)))
    assert colours_of(of_depth(np.zeros((64, 64)))) == GREYS


def test_a_dataset_without_colours_gets_greys():
    assert palette_of(dict(classes='abc', palette=[(1, 2, 3)] * 3)) == [[1, 2, 3]] * 3
    greys = palette_of(dict(classes='abc'))
    assert greys == [[63] * 3, [127] * 3, [191] * 3]


def test_a_legend_names_the_stripes_only_if_there_are_some():
    palette = [[0, 0, 0], [255, 0, 0]]
    assert [patch.get_label() for patch in class_patches('ab', palette)] == ['a', 'b']
    *_, last = class_patches('ab', palette, 'ignored')
    assert last.get_label() == 'ignored' and last.get_hatch()
