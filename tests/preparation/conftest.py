import pytest
from isprs_cases import AREAS
from tiny_isprs import Download, write_tif


@pytest.fixture
def download(tmp_path):
    return Download(tmp_path / 'download')


@pytest.fixture
def potsdam(download):
    """A download of three areas; the DSM of 3_13 lacks its last row, as the official one does."""
    source = download.potsdam(AREAS)
    write_tif(source / '1_DSM/dsm_potsdam_03_13.tif', download.heights(2)[:-1])
    return source
