"""Class lists: what each form of them means, and which lists are refused."""

import numpy as np
import pytest

from depthda.datasets.class_list import UNKNOWN, numbered, read_classes
from depthda.errors import UserError


def read(tmp_path, text):
    (tmp_path / 'classes.txt').write_bytes(text.encode())
    return read_classes(tmp_path / 'classes.txt')


def test_names_without_values_are_numbered_in_their_order(tmp_path):
    listed = read(tmp_path, '# comment\n\nbare land\nwater\n')
    assert listed.names == ('bare land', 'water')
    assert listed.values == {0: 0, 1: 1, 255: 255} and not listed.coloured
    table = listed.table
    assert (
        table[[0, 1, 255]].tolist() == [0, 1, 255]
        and (np.delete(table, [0, 1, 255]) == UNKNOWN).all()
    )


@pytest.mark.parametrize(
    ('text', 'names', 'values'),
    [
        ('wood 3\nwater: 7\nwood, 4\nignore 0\n', 'wood/water', {3: 0, 4: 0, 7: 1, 0: 255}),
        ("Trees, shrubs (low) 1\nshepherd's hut: 2\nIgnore 0\nIGNORE 9",
         "Trees, shrubs (low)/shepherd's hut", {1: 0, 2: 1, 0: 255, 9: 255}),
        # 255 is ignored unless a line uses it.
        ('ground 0\nbuilding 255\nignore 254\n', 'ground/building', {255: 1, 0: 0, 254: 255}),
        # A list from Windows, with other separators.
        ('\ufeffground;0\r\nroad=1\r\nhouse:2\r\n', 'ground/road/house', {0: 0, 1: 1, 2: 2}),
    ],
)  # fmt: skip
def test_names_may_have_several_words_and_values_and_ignore_is_not_a_class(
    tmp_path, text, names, values
):
    listed = read(tmp_path, text)
    assert listed.names == tuple(names.split('/')) and listed.values == {255: 255} | values
    assert all(listed.table[value] == index for value, index in listed.values.items())


def test_listed_colours_are_the_palette(tmp_path):
    listed = read(tmp_path, 'wood 0 90 0\nwater 0,0,255\nwood 0 120 0\nignore 0 0 0')
    assert listed.coloured and listed.names == ('wood', 'water')
    assert listed.values == {(0, 90, 0): 0, (0, 0, 255): 1, (0, 120, 0): 0, (0, 0, 0): 255}
    assert listed.palette == [[0, 90, 0], [0, 0, 255]]


def test_classes_without_colours_get_different_ones():
    palette = numbered([str(n) for n in range(40)]).palette
    assert len({tuple(colour) for colour in palette}) == 40
    assert np.min(palette) >= 0 and np.max(palette) <= 255


def test_if_the_labels_start_at_one_zero_is_ignored():
    assert numbered(['a', 'b'], 1).values == {0: 255, 1: 0, 2: 1, 255: 255}


@pytest.mark.parametrize(
    ('text', 'fault'),
    [
        ('', 'lists 0 classes'),
        ('wood 1\nwater', '0 and 1 numbers'),
        ('wood 1\nwater 1', 'uses 1 for two classes'),
        ('wood 1 2', "cannot read the line 'wood 1 2'"),
        ('wood -1', "cannot read the line 'wood -1'"),
        ('wood 1.5', "cannot read the line 'wood 1.5'"),
        ('wood 256', "cannot read the line 'wood 256'"),
        (
            '2: house\n0: ground',
            "'2: house' begins with a number: write one class per line, as name, name VALUE",
        ),
        ('0 ground', "'0 ground' begins with a number"),
        ('0,ground', "'0,ground' begins with a number"),
        (
            'id,name\n0,ground',
            "'id,name' is a line of column titles: write one class per line, as name",
        ),
        ('{"ground":0,"road":1}', 'is JSON: write one class per line, as name, name VALUE'),
        ('[\n"ground"\n]', r"'\[' is JSON"),
        ('wood 1\nwater 255\nignore 255', 'uses 255 for two classes'),
        ('wood\nwood', 'lists a class twice'),
        ('wood\nignore', 'ignore without a value'),
        (
            'wood #00ff00',
            "cannot read the line 'wood #00ff00': write name, name VALUE or name RED GREEN",
        ),
        ('wood (0, 255, 0)', "cannot read the line 'wood .0, 255, 0.'"),
        ('wood [1]', "cannot read the line 'wood .1.'"),
        ('wood 1 # trees\nwater 2', "cannot read the line 'wood 1 # trees'"),
        ('wood = 0, water = 1', "cannot read the line 'wood = 0, water = 1'"),
        ('wood,0;water,1', "cannot read the line 'wood,0;water,1'"),
        ('- wood: 0\n- water: 1', "cannot read the line '- wood: 0'"),
        ('"wood" 0', 'cannot read the line \'"wood" 0\''),
        ('Wood 0\nwood 1', 'has names that differ only in case: spell each class in one way'),
    ],
)
def test_an_unclear_list_is_refused(tmp_path, text, fault):
    with pytest.raises(UserError, match=fault):
        read(tmp_path, text)


def test_a_missing_or_unreadable_list_is_refused(tmp_path):
    with pytest.raises(UserError, match='the class list .*none.txt does not exist'):
        read_classes(tmp_path / 'none.txt')
    (tmp_path / 'a.txt').write_bytes('wood'.encode('utf-16'))
    with pytest.raises(UserError, match='a.txt is not UTF-8 text: save it as UTF-8$'):
        read_classes(tmp_path / 'a.txt')
