import base64
from io import BytesIO

import numpy as np
from PIL import Image

from depthda.experiments.page import pictures
from depthda.pictures.colours import DARK, LIGHT, of_depth

PALETTE = [[255, 0, 0], [0, 255, 0], [0, 0, 255]]


def decoded(uri: str) -> np.ndarray:
    kind, data = uri.split(',')
    assert kind in ('data:image/png;base64', 'data:image/webp;base64')
    return np.array(Image.open(BytesIO(base64.b64decode(data))).convert('RGB'))


def test_label_maps_have_the_exact_colours_and_ignored_pixels_have_others():
    labels = np.random.default_rng(0).integers(0, 3, (40, 60)).astype(np.uint8)
    labels[:5] = 255
    shown = decoded(pictures.label_picture(labels, PALETTE))
    assert (shown[5:] == np.array(PALETTE)[labels[5:]]).all()
    ignored = {tuple(pixel) for pixel in shown[:5].reshape(-1, 3)}
    assert ignored == {LIGHT, DARK}  # stripes


def test_wrong_pixels_are_darker_than_correct_ones():
    labels = np.array([[0, 1, 2, 255], [0, 1, 2, 255]], np.uint8)
    prediction = np.array([[0, 1, 2, 2], [1, 1, 0, 0]], np.uint8)
    shown = decoded(pictures.error_picture(prediction, labels))
    assert [tuple(c) for c in shown[0, :3]] == [pictures.RIGHT] * 3
    assert [tuple(c) for c in shown[1, :3]] == [pictures.WRONG, pictures.RIGHT, pictures.WRONG]
    assert not (shown[:, 3] == pictures.WRONG).all(-1).any()
    # Readers who cannot distinguish the colours see the difference in brightness.
    assert np.mean(pictures.WRONG) + 100 < np.mean(pictures.RIGHT)


def test_changes_distinguish_fixed_from_broken():
    labels = np.array([[0, 0, 0, 0]], np.uint8)
    first = np.array([[0, 1, 0, 1]], np.uint8)
    last = np.array([[0, 0, 1, 1]], np.uint8)
    shown = decoded(pictures.change_picture(first, last, labels))
    expected = [pictures.RIGHT, pictures.FIXED, pictures.BROKEN, pictures.BOTH]
    assert [tuple(c) for c in shown[0]] == expected


def test_depth_is_brighter_for_larger_values_and_grey_for_no_data():
    depth = np.tile(np.linspace(0.2, 0.6, 64, dtype=np.float32), (64, 1))
    depth[:32] = 0
    shown = decoded(pictures.photo(of_depth(depth))).astype(int)
    brightness = shown[40:60].mean((0, 2))
    assert (np.diff(brightness[2:-2:8]) > 0).all()
    colourfulness = np.ptp(shown[:28], axis=2).mean()
    assert colourfulness < 12 < np.ptp(shown[40:], axis=2).mean()


def test_large_pictures_are_reduced_and_small_ones_keep_every_pixel():
    image = np.random.default_rng(0).integers(0, 256, (30, 50, 3)).astype(np.uint8)
    assert decoded(pictures.photo(image)).shape == (30, 50, 3)
    assert decoded(pictures.photo(np.zeros((1500, 3000, 3), np.uint8))).shape == (512, 1024, 3)
    large = np.zeros((2048, 1024), np.uint8)
    large[:, 512:] = 1
    reduced = decoded(pictures.label_picture(large, PALETTE))
    assert reduced.shape == (1024, 512, 3)
    assert {tuple(c) for c in reduced.reshape(-1, 3)} == {(255, 0, 0), (0, 255, 0)}


def test_label_maps_are_small_files():
    labels = np.kron(np.arange(64).reshape(8, 8) % 3, np.ones((128, 128), int)).astype(np.uint8)
    assert len(pictures.label_picture(labels, PALETTE)) < 10_000  # 3 MB uncompressed
