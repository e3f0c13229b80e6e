"""GDAL keeps few decoded blocks in a context."""

from rasterio.env import get_gdal_config

from depthda.io.rasters import limited_cache


def test_the_cache_of_gdal_is_limited():
    with limited_cache():
        assert get_gdal_config('GDAL_CACHEMAX') == 64 * 2**20
