"""List the files of a download: in folders, in zips, and in zips within a zip."""

import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rasterio import DatasetReader

from depthda.errors import UserError
from depthda.io.archives import InnerZip, Zip, check_member, inner_zip, open_archive
from depthda.io.files import walk
from depthda.io.rasters import open_raster


@dataclass(frozen=True)
class SourceFile:
    """A file in a folder or a zip: ``os.fspath`` returns the path that rasterio opens.

    A zip counts as a folder of its name without the suffix.
    """

    name: str
    folder: Path
    size: int  # in bytes, unpacked
    zip: Zip | None = None  # None: it is not in a zip
    member: str = ''  # its name in the zip

    @property
    def suffix(self) -> str:
        return os.path.splitext(self.name)[1].lower()

    def __str__(self) -> str:
        return str(self.folder / self.name) if self.zip is None else f'{self.zip}/{self.member}'

    def __fspath__(self) -> str:
        if self.zip is None:
            return str(self)
        location = os.path.abspath(self.zip if isinstance(self.zip, Path) else self.zip.outer)
        if isinstance(self.zip, InnerZip):
            location = f'/vsisubfile/{self.zip.start}_{self.zip.size},{location}'
        # Some tools write backslashes into zips; GDAL replaces them in the same way.
        return f'/vsizip/{{{location}}}/' + self.member.replace('\\', '/')

    def check(self) -> None:
        """Refuse broken content of a file in a zip, which GDAL would read without an error.

        Other files with the same stem are checked, too, because they may hold the georeference.
        """
        if self.zip is None:
            return
        stem = os.path.splitext(self.member)[0]
        with open_archive(self.zip) as (archive, names):
            for name in names:
                if os.path.splitext(name)[0] == stem:
                    check_member(archive, self.zip, name)


File = Path | SourceFile


def list_files(sources: Sequence[str | os.PathLike]) -> list[SourceFile]:
    """List every file of the zips and folders, except hidden ones (macOS zips are full of them).

    Zips are opened wherever they are: below a folder, or uncompressed in another zip. All entries
    of a zip are checked before any of its files is listed. A zip that cannot be opened, because it
    is compressed or too deep inside another zip, is listed as a file.
    """
    files: list[SourceFile] = []
    for source in map(Path, sources):
        if not source.exists():
            raise UserError(f'{source} does not exist: pass the downloaded zips, or a folder')
        if source.is_file():
            if source.suffix.lower() != '.zip' and not zipfile.is_zipfile(source):
                raise UserError(
                    f'{source} is neither a zip nor a folder: pass downloaded zips, or a folder'
                )
            files += _files_in_zip(source)
            continue
        for folder, _, names in walk(source):
            for path in (Path(folder, name) for name in names if name[0] != '.'):
                if path.suffix.lower() == '.zip' and path.is_file():
                    files += _files_in_zip(path)
                elif path.is_file():
                    files.append(SourceFile(path.name, path.parent, path.stat().st_size))
    return sorted(files, key=str)


def _files_in_zip(path: Zip) -> Iterator[SourceFile]:
    is_inner = isinstance(path, InnerZip)
    if set('{}') & set(os.path.abspath(path.outer if is_inner else path)):
        raise UserError(f'{path} has a brace in its path, which GDAL cannot read: rename it')
    with open_archive(path) as (archive, names):
        for member in names:
            member_path = PurePosixPath(member.replace('\\', '/'))
            if member_path.name.startswith('.') or '__MACOSX' in member_path.parts:
                continue
            is_zip = member_path.suffix.lower() == '.zip' and not is_inner
            if is_zip and (inner := inner_zip(archive, path, member)) is not None:
                yield from _files_in_zip(inner)
            else:
                folder = Path(str(path)).with_suffix('') / member_path.parent
                size = archive.getinfo(member).file_size
                yield SourceFile(member_path.name, folder, size, path, member)


@contextmanager
def open_source(file: File) -> Iterator[DatasetReader]:
    """Open a raster, after a check of its content if it is in a zip."""
    if isinstance(file, SourceFile):
        file.check()
    with open_raster(file) as raster:
        yield raster
