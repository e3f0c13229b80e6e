"""Submissions, by the command."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

TOOL = Path(__file__).parents[2] / 'tools' / 'make_submission.py'


@pytest.fixture
def run(run_tool, monkeypatch):
    def call(*args, cwd):
        monkeypatch.chdir(cwd)
        return run_tool('make_submission', *args)

    return call


@pytest.fixture
def small_dataset(tmp_path):
    for name in ('7.png', '8.png'):
        for folder, shape, value in (('Test/Rural/images_png', (6, 9, 3), 0), ('pred', (6, 9), 5)):
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.full(shape, value, np.uint8)).save(tmp_path / folder / name)
    return tmp_path


AGAINST = ('--against', 'Test/Rural/images_png')


def test_pack_from_any_folder_then_check(small_dataset, run):
    options = ('--domain', 'rural', '--out', 'a.zip', *AGAINST)
    command = [sys.executable, TOOL, 'pack', 'pred', *options]
    done = subprocess.run(command, cwd=small_dataset, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, '')
    assert done.stdout == 'a.zip: 2 predictions for Test/Rural/images_png, no fault found.\n'
    code, out, err = run('check', 'a.zip', *AGAINST, cwd=small_dataset)
    assert code == 0 and out == done.stdout
    assert err == 'checked as a submission for Test/Rural/images_png\n'


def test_each_fault_is_a_line_and_the_status_is_2(small_dataset, run):
    Image.fromarray(np.full((6, 9), 7, np.uint8)).save(small_dataset / 'pred' / '8.png')
    (small_dataset / 'pred' / 'x.txt').touch()
    code, out, err = run('pack', 'pred', '--out', 'a.zip', *AGAINST, cwd=small_dataset)
    lines = out.splitlines()
    assert code == 2 and len(lines) == 2 and err == ''
    assert lines[0].startswith('x.txt: not a test image')
    assert lines[1].startswith('8.png: values 5…7, but') and 'subtract 1' in lines[1]
    assert not (small_dataset / 'a.zip').exists()


def test_a_recognised_domain_is_reported(tmp_path, run):
    with zipfile.ZipFile(tmp_path / 'r2u.zip', 'w') as archive:
        archive.writestr('5167.png', b'')
    code, out, err = run('check', 'r2u.zip', cwd=tmp_path)
    assert code == 2 and err == 'checked as a submission for LoveDA Test Urban\n'
    assert out.splitlines()[0].startswith('5168.png, 5169.png, 5170.png and 816 more: missing')
    assert out.splitlines()[1] == '5167.png: empty file (0 bytes); write the prediction again'


def test_a_mistake_is_one_sentence_and_the_help_names_where_to_upload(tmp_path, run):
    fault = 'error: nowhere is not a folder: pass the folder of the predictions.\n'
    assert run('pack', 'nowhere', '--out', 'a.zip', cwd=tmp_path) == (2, '', fault)
    code, out, _ = run('check', 'nothing.zip', cwd=tmp_path)
    fault = 'cannot be opened (No such file or directory); pass the path of a zip file\n'
    assert (code, out) == (2, f'nothing.zip: {fault}')
    # The help names where to upload.
    code, out, _ = run('--help', cwd=tmp_path)
    assert code == 0 and 'pack predictions/u2r --domain rural --out u2r.zip' in out
    assert 'competitions/13037' in out and 'competitions/13030' in out
