"""Write a land-cover map as a Cloud-Optimized GeoTIFF, with colours and names of its classes."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import rasterio
import rasterio.shutil
from rasterio.enums import ColorInterp
from rasterio.io import DatasetWriter
from rasterio.windows import Window

from depthda.errors import UserError
from depthda.io.files import atomic_path
from depthda.io.grids import Grid

NO_DATA = 255
_BLOCK = 512
Colour = tuple[int, int, int]


def write_cog(
    path: Path,
    folder: Path,
    grid: Grid,
    bands: int,
    rows: Callable[[int, int], np.ndarray],
    finish: Callable[[DatasetWriter], None],
    resampling: str,
) -> None:
    """Write a COG of type uint8, either completely or not at all.

    Args:
        folder: Folder for temporary files, on the same disk.
        rows: Function of a first and an end row that returns these rows as (bands, n, W).
        finish: Function that sets colours, names and tags of the open file.
        resampling: Method for overviews: ``'mode'`` for classes, ``'average'`` for values.
    """
    profile = dict(
        driver='GTiff', height=grid.height, width=grid.width, count=bands, dtype='uint8',
        nodata=NO_DATA, tiled=True, blockxsize=_BLOCK, blockysize=_BLOCK, compress='deflate',
        bigtiff='if_safer', interleave='band', transform=grid.transform, crs=grid.crs,
    )  # fmt: skip
    plain_file, cog_file = folder / 'plain.tif', folder / 'cog.tif'
    try:
        with rasterio.open(plain_file, 'w', **profile) as raster:
            for top in range(0, grid.height, _BLOCK):
                bottom = min(top + _BLOCK, grid.height)
                raster.write(rows(top, bottom), window=Window(0, top, grid.width, bottom - top))
            finish(raster)
        rasterio.shutil.copy(
            plain_file, cog_file, driver='COG', compress='deflate', level=6, predictor='no',
            overview_resampling=resampling, blocksize=_BLOCK, bigtiff='if_safer', num_threads=1,
        )  # fmt: skip
        check_cog(cog_file)
        cog_file.replace(path)
    except (rasterio.errors.RasterioError, OSError) as error:
        raise UserError(
            f'{path} cannot be written ({error}): free some disk space, or name another file.'
        ) from error


def check_cog(path: str | Path) -> None:
    """Raise an error if a file that was just written is not laid out as a COG."""
    with rasterio.open(path) as raster:
        layout = raster.tags(ns='IMAGE_STRUCTURE').get('LAYOUT')
    if layout != 'COG':
        raise RuntimeError(f'{path} was written, but GDAL does not recognise a COG ({layout})')


def colour(raster: DatasetWriter, palette: Sequence[Colour], tags: Mapping[str, str]) -> None:
    """Set colours and tags of a map; no-data is transparent."""
    colours = {index: (*rgb, 255) for index, rgb in enumerate(palette)}
    raster.write_colormap(1, colours | {NO_DATA: (0, 0, 0, 0)})
    raster.colorinterp = [ColorInterp.palette]
    raster.set_band_description(1, 'land cover')
    raster.update_tags(**tags)


def describe(
    raster: DatasetWriter, names: Sequence[str], tags: Mapping[str, str], scale: float
) -> None:
    """Set names, tags and scale of the bands; stored value × ``scale`` = value."""
    for index, name in enumerate(names, 1):
        raster.set_band_description(index, name)
    raster.colorinterp = [ColorInterp.gray] + [ColorInterp.undefined] * (len(names) - 1)
    raster.scales = [scale] * len(names)
    raster.update_tags(**tags)


def write_class_table(
    path: str | Path,
    classes: Sequence[str],
    palette: Sequence[Colour],
    counts: Sequence[int],
    hectares: Sequence[float] | None,
) -> None:
    """Write the ``.aux.xml`` next to a map, in which GDAL and QGIS find its classes.

    Its table has the value, number of pixels, name and colour of each class, and with a
    georeference its area.
    """
    root = ElementTree.Element('PAMDataset')
    band = ElementTree.SubElement(root, 'PAMRasterBand', band='1')
    names = ElementTree.SubElement(band, 'CategoryNames')
    for name in classes:
        ElementTree.SubElement(names, 'Category').text = name
    table = ElementTree.SubElement(band, 'GDALRasterAttributeTable', tableType='thematic')
    # Types: 0 integer, 1 real, 2 text. Usages: 5 value, 1 pixels, 2 name, 6 to 8 colours.
    fields = [('Value', 0, 5), ('Count', 1, 1), ('Class', 2, 2)]
    fields += [('Red', 0, 6), ('Green', 0, 7), ('Blue', 0, 8)]
    fields += [('Hectares', 1, 0)] if hectares is not None else []
    for index, (name, kind, usage) in enumerate(fields):
        field = ElementTree.SubElement(table, 'FieldDefn', index=str(index))
        for tag, text in (('Name', name), ('Type', kind), ('Usage', usage)):
            ElementTree.SubElement(field, tag).text = str(text)
    for value, (name, colour, count) in enumerate(zip(classes, palette, counts, strict=True)):
        cells = [value, count, name, *colour]
        cells += [round(hectares[value], 4)] if hectares is not None else []
        row = ElementTree.SubElement(table, 'Row', index=str(value))
        for cell in cells:
            ElementTree.SubElement(row, 'F').text = str(cell)
    ElementTree.indent(root)
    with atomic_path(class_table(path)) as temporary:
        ElementTree.ElementTree(root).write(temporary, encoding='utf-8')


def class_table(path: str | os.PathLike) -> Path:
    """Return the path of the ``.aux.xml`` file that GDAL reads next to a map."""
    path = Path(path)
    return path.with_name(f'{path.name}.aux.xml')
