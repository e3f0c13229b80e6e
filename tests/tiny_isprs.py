"""A tiny ISPRS download whose pixel values encode their area and position."""

import zipfile
from pathlib import Path

import numpy as np
from rasterio import Affine
from tiny_rasters import write_raster

# White, blue, cyan, green, yellow, red and black.
HEX = 'FFFFFF 0000FF 00FFFF 00FF00 FFFF00 FF0000 000000'
COLOURS = [tuple(bytes.fromhex(colour)) for colour in HEX.split()]
HEIGHT, WIDTH = 21, 26


def write_tif(path: Path, array: np.ndarray, transform=None, nodata=None) -> None:
    write_raster(path, array, transform=transform, nodata=nodata)


def image_at(number: int, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return bands infrared (the number of the area), red (x) and green (y)."""
    return np.stack([np.full_like(x, number), x, y], -1).astype(np.uint8)


def rgbir_at(number: int, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return red, green, blue and infrared; blue is a combination of the other three."""
    infrared, red, green = np.moveaxis(image_at(number, y, x), -1, 0)
    return np.stack([red, green, (3 * red + 5 * green + number).astype(np.uint8), infrared], -1)


def label_at(number: int, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return labels 0…6, where 6 is the black boundary."""
    return (x + 3 * y + number) % 7


def height_at(number: int, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return heights in metres, at a different level for each area."""
    return (number * 100 + x + 30 * (y % 3)).astype(np.float32)


def pack(folder: Path, path: Path, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """Write the files of ``folder`` to a zip, in which paths start with the folder's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, 'w', compression=compression) as archive:
        for file in sorted(folder.rglob('*')):
            archive.write(file, file.relative_to(folder.parent).as_posix())
    return path


class Download:
    """Write a download; the pixels of an area encode a number: ``.potsdam({'2_10': 1})``."""

    def __init__(self, root: Path, height: int = HEIGHT, width: int = WIDTH) -> None:
        self.root = root
        self.y, self.x = np.mgrid[:height, :width]

    def colours(self, number: int) -> np.ndarray:
        return np.array(COLOURS, np.uint8)[label_at(number, self.y, self.x)]

    def heights(self, number: int) -> np.ndarray:
        return height_at(number, self.y, self.x)

    def above_ground(self, number: int) -> np.ndarray:
        return np.where(self.x < 13, 0, number * 10).astype(np.uint8)

    def potsdam(self, areas: dict[str, int], with_rgbir: bool = False) -> Path:
        for area, number in areas.items():
            first, second = map(int, area.split('_'))
            image = image_at(number, self.y, self.x)
            top, dsm = f'top_potsdam_{area}', f'dsm_potsdam_{first:02}_{second:02}'
            write_tif(self.root / f'3_Ortho_IRRG/{top}_IRRG.tif', image)
            rgbir = rgbir_at(number, self.y, self.x)
            write_tif(self.root / f'2_Ortho_RGB/{top}_RGB.tif', rgbir[..., :3])
            if with_rgbir:
                write_tif(self.root / f'4_Ortho_RGBIR/{top}_RGBIR.tif', rgbir)
            write_tif(self.root / f'5_Labels_all/{top}_label.tif', self.colours(number))
            write_tif(self.root / f'1_DSM/{dsm}.tif', self.heights(number))
            jpg = self.root / f'1_DSM_normalisation/{dsm}_normalized_lastools.jpg'
            write_raster(jpg, self.above_ground(number), quality=100)
        return self.root

    def vaihingen(self, numbers) -> Path:
        for number in numbers:
            name = f'top_mosaic_09cm_area{number}'
            place = Affine(0.09, 0, 1000 + number * 100, 0, -0.09, 5000)
            write_tif(self.root / f'ISPRS/top/{name}.tif', image_at(number, self.y, self.x), place)
            write_tif(self.root / f'ISPRS/gts/{name}.tif', self.colours(number))
            dsm = self.root / f'ISPRS/dsm/dsm_09cm_matching_area{number}.tif'
            write_tif(dsm, self.heights(number), place)
        return self.root
