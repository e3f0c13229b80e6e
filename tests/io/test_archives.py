"""Unsafe zips are refused before anything is written."""

import os
import stat
import zipfile

import pytest

from depthda.errors import UserError
from depthda.io.archives import open_archive, read_member


def make(path, *members, **options):
    """Write a zip of (name or ZipInfo, content)."""
    with zipfile.ZipFile(path, 'w', **options) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def link(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    return info


def refused(path, reason):
    with pytest.raises(UserError, match=reason), open_archive(path):
        pass


def test_files_are_listed_and_folders_are_not(tmp_path):
    path = make(tmp_path / 'a.zip', ('a/', b''), ('a/b.png', b'content'), ('a/..c', b''))
    with open_archive(path) as (archive, names):
        assert names == ['a/b.png', 'a/..c']
        assert read_member(archive, 'a/b.png') == b'content'
    with open_archive(make(tmp_path / 'empty.zip')) as (_, names):
        assert names == []


@pytest.mark.parametrize(
    'name, reason',
    [
        ('../out.png', 'points outside'),
        ('a/../../out.png', 'points outside'),
        ('a\\..\\..\\out.png', 'points outside'),
        ('/etc/passwd', 'absolute'),
        ('\\\\server\\x', 'absolute'),
        ('C:\\x.png', 'absolute'),
        ('c:x.png', 'absolute'),
        (link('a/link.png'), 'is a link'),
    ],
)
def test_an_entry_outside_of_the_folder_is_refused(tmp_path, name, reason):
    refused(make(tmp_path / 'a.zip', ('good.png', b'x'), (name, b'/etc/passwd')), reason)


def test_a_zip_bomb_is_refused(tmp_path, monkeypatch):
    zeros = ('zeros', b'\0' * 3_000_000)
    path = make(tmp_path / 'a.zip', zeros, compression=zipfile.ZIP_DEFLATED)
    assert 3_000_000 / os.path.getsize(path) > 500
    with open_archive(path):
        pass  # it is small enough to be harmless
    monkeypatch.setattr('depthda.io.archives._HARMLESS_SIZE', 1_000_000)
    refused(path, 'would become 3,000,000 bytes')
    # Label images of few colours are compressed strongly, and are accepted.
    flat = b''.join(bytes([n % 7]) * 400 for n in range(7500))
    path = make(tmp_path / 'b.zip', ('flat', flat), compression=zipfile.ZIP_DEFLATED)
    with open_archive(path):
        pass


def test_overlapping_entries_are_refused(tmp_path):
    path = make(tmp_path / 'a.zip', ('a', b'x' * 1000), ('b', b'x' * 1000))
    content = path.read_bytes()
    # Both entries of the directory point at the first member.
    start = content.index(b'PK\x01\x02', content.index(b'PK\x01\x02') + 1)
    removed = content[1000 + 31 : 2 * (1000 + 31)]
    assert removed in content and start
    path.write_bytes(content[: 1000 + 31] + content[2 * (1000 + 31) :])
    with pytest.raises(UserError):
        with open_archive(path) as (archive, names):
            for name in names:
                read_member(archive, name)


def test_incomplete_broken_encrypted_and_repeated_files_are_reported(tmp_path):
    path = make(tmp_path / 'a.zip', ('a.png', b'x' * 1000))
    content = bytearray(path.read_bytes())
    (tmp_path / 'short.zip').write_bytes(content[:500])
    refused(tmp_path / 'short.zip', 'short.zip is not a complete zip .*: download it again')
    (tmp_path / 'rar.zip').write_bytes(b'Rar!' + bytes(100))
    refused(tmp_path / 'rar.zip', 'not a complete zip')
    content[500] ^= 1
    path.write_bytes(content)
    with open_archive(path) as (archive, _), pytest.raises(UserError, match=r'a\.png in .* broken'):
        read_member(archive, 'a.png')

    content = bytearray(make(path, ('a.png', b'x')).read_bytes())
    content[content.index(b'PK\x01\x02') + 8] |= 1
    path.write_bytes(content)
    refused(path, 'is encrypted')
    with pytest.warns(UserWarning, match='Duplicate'):
        make(path, ('a.png', b'x'), ('a.png', b'y'))
    refused(path, "contains 'a.png' twice")
    # A deflate stream with a fault inside.
    deflated = dict(compression=zipfile.ZIP_DEFLATED)
    content = bytearray(make(path, ('a.png', os.urandom(99) * 99), **deflated).read_bytes())
    content[60:80] = bytes(20)
    path.write_bytes(content)
    with open_archive(path) as (archive, _), pytest.raises(UserError, match='broken'):
        read_member(archive, 'a.png')
