"""The test images that a submission is checked against: official file names and sizes."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from depthda.errors import UserError
from depthda.io.headers import IMAGE_SUFFIXES
from depthda.io.rasters import open_raster

# First and last file number of LoveDA's test images: 976 rural and 820 urban images.
_NUMBERS = {'Rural': (4191, 5166), 'Urban': (5167, 5986)}
_SIZE = (1024, 1024)
# CodaLab closed its LoveDA challenges on 2025-12-31.
_SERVERS = {
    'uda': 'https://www.codabench.org/competitions/13037',
    'seg': 'https://www.codabench.org/competitions/13030',
}


@dataclass(frozen=True)
class TestSet:
    """The test images that a submission has to cover."""

    __test__ = False  # pytest would collect it as a test because of its name

    title: str  # for messages
    sizes: dict[str, tuple[int, int]]  # (width, height), by the name that a prediction must have
    server: str | None = None  # address to upload to

    def hint(self, extra: list[str]) -> str:
        """Return what to do about files that are not predictions of these images."""
        for domain in _NUMBERS:
            if self.server and official_names(domain).intersection(extra):
                return f"LoveDA's {domain} test images need a separate zip for this track"
        return 'remove it, or give it exactly the name of its test image'


def official_names(domain: str) -> set[str]:
    """Return the file names of LoveDA's test images of one domain."""
    first, last = _NUMBERS[parse_domain(domain)]
    return {f'{number}.png' for number in range(first, last + 1)}


def parse_domain(domain: str) -> str:
    """Return LoveDA's own spelling of a domain."""
    if domain.capitalize() not in _NUMBERS:
        raise UserError(f'{domain!r} is not a domain of LoveDA: use rural or urban.')
    return domain.capitalize()


def find_test_set(
    names: Iterable[str],
    domain: str | None = None,
    track: str = 'uda',
    against: str | Path | None = None,
) -> TestSet | None:
    """Return the test images that files with these names belong to; None if nothing fits.

    The names decide the ``domain`` ('rural' or 'urban') if it is not given. The ``track`` is 'uda'
    (one target domain) or 'seg' (both domains in one zip). ``against`` is a folder of test images
    that replaces LoveDA's official list. With a domain, it is the folder of that domain, or the
    root of a tree like LoveDA's. For 'seg', it is the root of such a tree, and the images of both
    its test folders are expected.
    """
    if track not in _SERVERS:
        raise UserError(f"track {track!r} does not exist: use 'uda' or 'seg'.")
    if track == 'seg' and domain is not None:
        raise UserError(
            'the segmentation challenge (--track seg) needs both LoveDA domains in one zip: omit '
            '--domain.'
        )
    if against is not None:
        if track != 'seg':
            return _image_folder(Path(against), domain)
        rural, urban = (_image_folder(Path(against), name) for name in _NUMBERS)
        return TestSet(str(against), rural.sizes | urban.sizes)
    if track == 'seg':
        domains = list(_NUMBERS)
    elif domain is not None:
        domains = [parse_domain(domain)]
    else:
        stems = {Path(name.replace('\\', '/')).stem for name in names}
        bases = {f'{stem}.png' for stem in stems}
        hits = {name: len(official_names(name) & bases) for name in _NUMBERS}
        domains = [max(hits, key=hits.__getitem__)]
        if not hits[domains[0]]:
            return None
    title = f'LoveDA Test {" and ".join(domains)}'
    sizes = dict.fromkeys(set().union(*map(official_names, domains)), _SIZE)
    return TestSet(title, sizes, _SERVERS[track])


def _image_folder(folder: Path, domain: str | None) -> TestSet:
    if domain is not None:
        folder = _domain_folder(folder, parse_domain(domain))
    if not folder.is_dir():
        raise UserError(f'{folder} is not a folder: pass the folder of the test images.')
    images = sorted(p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES)
    if not images:
        raise UserError(
            f'{folder} contains no images (PNG, JPEG, TIFF): pass the folder of the test images.'
        )
    sizes = {}
    for path in images:
        with open_raster(path) as image:
            sizes[f'{path.stem}.png'] = (image.width, image.height)
    if len(sizes) < len(images):
        raise UserError(
            f'{folder} has several images whose names differ only in the suffix: keep one of them.'
        )
    return TestSet(str(folder), sizes)


def _domain_folder(folder: Path, domain: str) -> Path:
    for subfolder in (folder / 'Test' / domain, folder / domain):
        if subfolder.is_dir():
            return subfolder / 'images_png'
    if domain.lower() in (part.lower() for part in folder.resolve().parts):
        return folder
    raise UserError(
        f'{folder} is not a folder of {domain} images and has no Test/{domain}/images_png: pass '
        "that domain's folder, or omit --domain."
    )
