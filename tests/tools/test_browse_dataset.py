"""Contact sheets of samples, by the command."""

from functools import partial
from pathlib import Path

import cv2
import pytest

CONFIG = str(Path(__file__).parents[2] / 'configs' / 'sample' / 'depthda_tiny_u2r.py')


@pytest.fixture
def run(run_here):
    return partial(run_here, 'browse_dataset')


def test_the_output_ends_with_the_paths_of_the_sheets(run, sample):
    root = ('--cfg-options', f'val_dataloader.dataset.data_root={sample}')
    # The held-out part of Train has four images of the first block.
    status, out, err = run(CONFIG, '--split', 'val', '--number', '3', '--repeat', '3', *root)
    assert status == 0, err
    folder = 'work_dirs/browse/depthda_tiny_u2r'
    assert out.splitlines()[-2:] == [f'{folder}/val-1.png', f'{folder}/val-2.png']
    assert cv2.imread(f'{folder}/val-1.png').shape[0] > 1000
    again = run(CONFIG, '--split', 'val', '--number', '1', '--out', 'here', *root)
    assert again[1].splitlines()[-1] == 'here/val-1.png' and Path('here/val-1.png').is_file()


def test_a_pair_is_shown_as_two_images(run, sample):
    pair = 'train_dataloader.dataset'
    roots = [f'{pair}.{domain}.data_root={sample}' for domain in ('source', 'target')]
    roots.append(f'{pair}.source.pipeline.2.crop_size=(96,96)')
    config = CONFIG.replace('depthda', 'drdg')
    status, out, err = run(config, '--number', '5', '--out', 'here', '--cfg-options', *roots)
    assert status == 0, err
    # There are ten images, and eight fit on a sheet.
    assert out.splitlines()[-2:] == ['here/train-1.png', 'here/train-2.png']


@pytest.mark.parametrize(
    ('arguments', 'sentence'),
    [
        (('none.py',), 'error: there is no config file none.py'),
        (
            (CONFIG,),
            'error: the folder data/sample (data_root) does not exist: make the dataset with '
            'depthda sample data/sample',
        ),
        ((CONFIG, '--out', __file__), f'error: --out {__file__} is a file: name a folder.'),
        ((CONFIG, '--number', '0'), 'error: --number 0 --repeat 1: both must be at least 1.'),
    ],
)
def test_a_mistake_is_one_sentence_and_status_2(run, arguments, sentence):
    status, _, err = run(*arguments)
    assert status == 2 and err.splitlines()[-1].startswith(sentence)


@pytest.mark.parametrize('tool', ['browse_dataset', 'check_dataset'])
def test_pictures_do_not_go_into_the_data(run_tool, sample, tool):
    root = f'train_dataloader.dataset.data_root={sample}'
    out = sample / 'Train/Urban/images_png'
    status, _, err = run_tool(tool, CONFIG, '--out', str(out), '--cfg-options', root)
    assert status == 2 and f'error: --out {out} is inside the data of train_dataloader.' in err
