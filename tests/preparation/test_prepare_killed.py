"""After SIGKILL at any moment, the next run writes the files of an undisturbed run."""

import os
import signal
import subprocess
import sys
import textwrap
import zipfile

import cv2
import numpy as np
import pytest
from prepared_files import every_file
from tiny_isprs import Download, pack
from tiny_scenes import Scenes

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='needs fork')

# The driver imports once, and forks a process for each run. The process dies just before it renames
# the n-th file (replace: the file is written, under its hidden name), or just before it writes it
# (close: the hidden file is there, and empty).
DRIVER = textwrap.dedent("""
    import os, signal, sys
    from pathlib import Path

    import depthda.io.files

    {setup}

    def kill_at(call, number):
        real, seen = getattr(os, call), []
        def counted(*args, **kwargs):
            seen.append(args)
            if len(seen) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)
        setattr(os, call, counted)

    clean, killed, *moments = sys.argv[1:]
    for out, call, number in [(clean, 'replace', 0)] + [
        (killed, *moment.split(':')) for moment in moments
    ]:
        child = os.fork()
        if child == 0:
            kill_at(call, int(number))
            prepare(out)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        hidden = [path.name for path in Path(out).rglob('.*') if path.name != '.lock']
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else 'ended', len(hidden))
""")

ISPRS = """
from depthda.preparation.isprs import IsprsSettings, prepare_isprs

def prepare(out):
    settings = IsprsSettings('potsdam', 8, bands=('irrg', 'rgb'), depth=('dsm', 'ndsm'))
    prepare_isprs([{source!r}], out, settings)
"""

LOVEDA = """
from depthda.preparation.loveda import prepare_loveda

def prepare(out):
    prepare_loveda([{source!r}], out, partial=True, workers=3)
"""

FOLDER = """
from tiny_scenes import Scenes

from depthda.preparation.folder import prepare_folder
from depthda.preparation.splits import Splits

def prepare(out):
    scenes = Scenes.__new__(Scenes)
    scenes.root = Path({source!r})
    splits = Splits(dict(train=0.5, test=0.5), by='block')
    prepare_folder(out, scenes.settings(splits=splits))
"""


def drive(setup, folder, moments):
    """Return for each run 'ended' or its signal, and the number of hidden files it left."""
    command = [sys.executable, '-c', DRIVER.format(setup=setup)]
    command += [str(folder / 'clean'), str(folder / 'killed'), *moments]
    path = {'PYTHONPATH': os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | path)
    assert done.returncode == 0, done.stderr
    return [tuple(line.split()) for line in done.stdout.splitlines()]


KILLED = str(int(signal.SIGKILL))


def test_isprs(tmp_path):
    source = Download(tmp_path / 'in').potsdam({'2_10': 1, '3_13': 2, '6_7': 3})
    for folder in sorted(source.iterdir()):
        pack(folder, tmp_path / f'zips/{folder.name}.zip')
    # The manifest is written first, and then 5 files at each of the 12 places of an area. So the
    # runs die at the first manifest, in an area, at its last file, and at the first of the next.
    moments = ['replace:1', 'close:1', 'replace:30', 'replace:61', 'replace:62', 'replace:2']
    setup = ISPRS.format(source=str(tmp_path / 'zips'))
    lines = drive(setup, tmp_path, [*moments, 'replace:0'])
    assert lines == [('ended', '0'), *[(KILLED, '1')] * len(moments), ('ended', '0')]
    assert every_file(tmp_path / 'killed') == every_file(tmp_path / 'clean')
    assert len(every_file(tmp_path / 'clean')) == 3 * 12 * 5 + 2  # manifest.json, .lock


def test_loveda(tmp_path):
    path = tmp_path / 'Train.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        for number in range(12):
            image = np.full((8, 8, 3), number, np.uint8)
            for folder, picture in (('images_png', image), ('masks_png', image[..., 0] % 8)):
                domain = 'Rural' if number < 7 else 'Urban'
                content = cv2.imencode('.png', picture)[1].tobytes()
                archive.writestr(f'Train/{domain}/{folder}/{number}.png', content)
    moments = ['replace:1', 'close:5', 'replace:6']
    setup = LOVEDA.format(source=str(path))
    lines = drive(setup, tmp_path, [*moments, 'replace:0'])
    assert [state for state, _ in lines] == ['ended', *[KILLED] * len(moments), 'ended']
    assert all(int(hidden) >= 1 for _, hidden in lines[1:-1])
    assert lines[-1] == ('ended', '0')
    assert every_file(tmp_path / 'killed') == every_file(tmp_path / 'clean')
    assert len(every_file(tmp_path / 'clean')) == 24 + 1  # .lock


def test_folder(tmp_path):
    Scenes(tmp_path / 'in')
    # The manifest, 15 tiles of three files each, two lists of splits, and the manifest again.
    moments = ['replace:1', 'close:1', 'replace:20', 'replace:40', 'replace:48', 'replace:2']
    lines = drive(FOLDER.format(source=str(tmp_path / 'in')), tmp_path, [*moments, 'replace:0'])
    assert lines[0] == lines[-1] == ('ended', '0')
    assert [state for state, _ in lines[1:-1]].count(KILLED) >= 5
    assert every_file(tmp_path / 'killed') == every_file(tmp_path / 'clean')
    assert {'train.txt', 'test.txt', 'manifest.json'} < set(every_file(tmp_path / 'clean'))
