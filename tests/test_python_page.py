"""The code and the commands of ``docs/python.md`` run unchanged."""

import re
import runpy
import shlex
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmseg.datasets import LoveDADataset
from mmseg.registry import MODELS

from depthda.engine.launch import test
from depthda.io.files import read_json

test.__test__ = False  # keep pytest from collecting this imported function

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / 'docs/python.md').read_text()


@pytest.fixture
def project_folder(sample, tmp_path, monkeypatch):
    """Change to a copy of the project in which the training of the page has finished."""
    (tmp_path / 'data').mkdir()
    (tmp_path / 'data/sample').symlink_to(sample)
    (tmp_path / 'configs').symlink_to(ROOT / 'configs')
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile('configs/sample/depthda_tiny_u2r.py').model)
    # The model must predict more than one class.
    torch.nn.init.normal_(model.decode_head.conv_seg.weight)
    meta = dict(dataset_meta=dict(LoveDADataset.METAINFO))
    folder = tmp_path / 'work_dirs/depthda_tiny_u2r'
    folder.mkdir(parents=True)
    torch.save(dict(state_dict=model.state_dict(), meta=meta), folder / 'iter_300.pth')
    return tmp_path


def run(command):
    """Run a line of the page in this process."""
    words = shlex.split(command)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as stopped:
        patch.setattr(sys, 'argv', words[1:])
        runpy.run_path(str(ROOT / words[1]), run_name='__main__')
    assert stopped.value.code == 0


def test_the_code_of_the_page_runs_and_its_scores_are_those_of_the_model(project_folder, capsys):
    namespace: dict = {}
    for block in re.findall(r'```python\n(.*?)```', PAGE, re.DOTALL):
        exec(block, namespace)
    assert namespace['labels'].shape == (128, 128) and namespace['scores'].shape == (7, 128, 128)
    torch.testing.assert_close(namespace['scores'].sum(0), torch.ones(128, 128))
    picture = cv2.imread('picture.png')
    colour = LoveDADataset.METAINFO['palette'][namespace['labels'][0, 0]]
    assert (picture[0, 0, ::-1] == colour).all()

    # The maps written by the code of the page have the scores of the model.
    expected = test(namespace['config'], namespace['checkpoint'])
    (project_folder / 'maps').mkdir()
    for path in sorted(Path('data/sample/Test/Rural/images_png').iterdir()):
        Path(path.name).rename(project_folder / 'maps' / path.name)
    (commands,) = re.findall(r'```bash\n(.*?)```', PAGE, re.DOTALL)
    for command in commands.splitlines():
        run(command)
    scored = read_json('work_dirs/other/metrics.json')
    assert scored['scores'] == expected['scores']
    assert np.isfinite(list(scored['scores'].values())).all()
    assert Path('report.html').is_file()
