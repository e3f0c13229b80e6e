import numpy as np
import pytest
from PIL import Image

from depthda.errors import UserError
from depthda.evaluation.submission_target import find_test_set, official_names


def image(path, size=(12, 8)):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.zeros((size[1], size[0], 3), np.uint8)).save(path)


def test_the_official_lists():
    rural, urban = official_names('rural'), official_names('Urban')
    assert len(rural) == 976 and len(urban) == 820 and not rural & urban
    assert {'4191.png', '5166.png'} <= rural and {'5167.png', '5986.png'} <= urban
    assert '4190.png' not in rural and '5987.png' not in urban
    with pytest.raises(UserError, match='rural or urban'):
        official_names('forest')


def test_the_domain_is_recognised_from_names_in_any_folder():
    rural = find_test_set(['5167.png', '4191.png', 'sub/4192.PNG'], None, 'uda', None)
    assert rural.title == 'LoveDA Test Rural' and rural.server.endswith('/13037')
    assert rural.sizes == dict.fromkeys(official_names('rural'), (1024, 1024))
    assert find_test_set(['5986.png'], None, 'uda', None).title == 'LoveDA Test Urban'
    assert find_test_set(['0.png', 'x.txt'], None, 'uda', None) is None


def test_the_segmentation_track_needs_both_domains():
    both = find_test_set([], None, 'seg', None)
    assert len(both.sizes) == 1796 and both.server.endswith('/13030')
    with pytest.raises(UserError, match='omit --domain'):
        find_test_set([], 'rural', 'seg', None)


def test_both_domains_of_another_tree_count_together(tmp_path):
    image(tmp_path / 'Test/Rural/images_png/1.png', (12, 8))
    with pytest.raises(UserError, match='no Test/Urban/images_png'):
        find_test_set([], None, 'seg', tmp_path)
    image(tmp_path / 'Test/Urban/images_png/2.png', (5, 6))
    test_set = find_test_set([], None, 'seg', tmp_path)
    assert test_set.sizes == {'1.png': (12, 8), '2.png': (5, 6)} and test_set.server is None


def test_another_dataset_has_its_own_names_and_sizes(tmp_path):
    image(tmp_path / 'a.png', (12, 8))
    image(tmp_path / 'b.tif', (5, 6))
    (tmp_path / 'notes.txt').write_text('')
    test_set = find_test_set([], None, 'uda', tmp_path)
    assert test_set.sizes == {'a.png': (12, 8), 'b.png': (5, 6)} and test_set.server is None


@pytest.mark.parametrize('subfolder', ['Test/Rural/images_png', 'Rural/images_png'])
def test_with_a_domain_the_folder_is_that_of_the_domain(tmp_path, subfolder):
    image(tmp_path / subfolder / '7.png')
    for folder in (tmp_path, tmp_path / subfolder):
        assert list(find_test_set([], 'rural', 'uda', folder).sizes) == ['7.png']
    with pytest.raises(UserError, match='not a folder of Urban images'):
        find_test_set([], 'urban', 'uda', tmp_path / subfolder)


def test_mistakes_are_explained(tmp_path):
    with pytest.raises(UserError, match='nowhere is not a folder'):
        find_test_set([], None, 'uda', tmp_path / 'nowhere')
    with pytest.raises(UserError, match='contains no images'):
        find_test_set([], None, 'uda', tmp_path)
    with pytest.raises(UserError, match="'uda' or 'seg'"):
        find_test_set([], None, 'best', None)
    (tmp_path / 'a.png').write_bytes(b'no image')
    with pytest.raises(UserError, match='a.png cannot be read'):
        find_test_set([], None, 'uda', tmp_path)
    image(tmp_path / 'a.png')
    image(tmp_path / 'a.jpg')
    with pytest.raises(UserError, match='several images'):
        find_test_set([], None, 'uda', tmp_path)
