import builtins

from depthda.datasets.copies import equal_files


def test_only_files_of_equal_size_are_read(tmp_path, monkeypatch):
    contents = {'a': b'one', 'b': b'two', 'c': b'one', 'd': b'one more', 'e': b'one'}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / 'f').symlink_to('d')
    open_file, opened = builtins.open, []
    monkeypatch.setattr(
        builtins, 'open', lambda path, *a: opened.append(path) or open_file(path, *a)
    )
    copies = equal_files(tmp_path / name for name in 'dcbae')
    assert copies == [[str(tmp_path / name) for name in 'ace']]
    assert sorted(opened) == [str(tmp_path / name) for name in 'abce']
    # A link counts as a copy of the image it leads to.
    assert equal_files([tmp_path / 'd', tmp_path / 'f']) == [[str(tmp_path / n) for n in 'df']]
    assert equal_files([]) == equal_files([tmp_path / 'd']) == []
    # Files that differ only at the end are different.
    for name, end in (('a', b'x'), ('b', b'y'), ('c', b'x')):
        (tmp_path / name).write_bytes(bytes(1 << 20) + end)
    copies = equal_files(tmp_path / name for name in 'abc')
    assert copies == [[str(tmp_path / 'a'), str(tmp_path / 'c')]]
