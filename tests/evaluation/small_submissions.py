"""Small PNGs and zips in place of predictions for LoveDA's test images."""

import io
import zipfile

import numpy as np
from PIL import Image

from depthda.evaluation.submission import review

RURAL = ['4191.png', '4192.png', '4193.png', '4194.png']
URBAN = ['5167.png', '5168.png', '5169.png']


def faults_in(path, **kwargs):
    return review(path, **kwargs)[1]


def png(array, mode=None, **kwargs):
    buffer = io.BytesIO()
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(buffer, 'PNG', **kwargs)
    return buffer.getvalue()


def labels(seed=0, low=0, size=16):
    array = np.random.default_rng(seed).integers(low, low + 7, (size, size), np.uint8)
    array[0, :7] = np.arange(low, low + 7)
    return array


def good():
    return {name: png(labels(i)) for i, name in enumerate(RURAL)}


def write_zip(path, files, **kwargs):
    with zipfile.ZipFile(path, 'w', **kwargs) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def replaced(name, data):
    return {**good(), name: data}
