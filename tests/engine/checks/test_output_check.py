"""Results never replace the data that a run reads."""

from pathlib import Path

import pytest
from mmengine.config import Config
from refusals import refusal

from depthda.engine.checks.output_check import check_outputs
from depthda.engine.launch import test, train
from depthda.engine.score_predictions import score_predictions
from depthda.errors import UserError

test.__test__ = False  # keep pytest from collecting this imported function

CONFIG = Path(__file__).parents[3] / 'configs' / 'sample' / 'upernet_tiny_u2r.py'


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob('*') if path.is_file()}


MASKS, IMAGES = 'Test/Rural/masks_png', 'Test/Rural/images_png'


@pytest.mark.parametrize(
    'option, folder', [('out', MASKS), ('show_dir', IMAGES), ('out', 'new'), ('work_dir', '.')]
)
def test_a_test_does_not_write_into_the_data(sample, short_run, tmp_path, option, folder):
    before, path = files(sample), str(sample / folder)
    folders = dict(work_dir=str(tmp_path / 'work')) | {option: path}
    (tmp_path / 'a.pth').touch()
    data = {key: value for key, value in short_run.items() if key.endswith('data_root')}
    sentence = (
        f'--{option.replace("_", "-")} {path} is inside the data of '
        f'train_dataloader.dataset.data_root ({sample}), where results could overwrite input '
        'files or mix with them: use a folder outside the data.'
    )
    # What is tested is not even read.
    calls = [lambda: train(CONFIG, path, cfg_options=data)] if option == 'work_dir' else []
    if option != 'out':
        calls.append(lambda: score_predictions(CONFIG, tmp_path, cfg_options=data, **folders))
    calls.append(lambda: test(CONFIG, tmp_path / 'a.pth', cfg_options=data, **folders))
    for call in calls:
        assert refusal(call) == sentence
    assert files(sample) == before and not (tmp_path / 'work').exists()


def test_results_may_go_below_a_working_directory_with_data(sample, tmp_path, monkeypatch):
    data = dict(type='LoveDARGBD', domain='Rural', split='Test', depth='rdepth/synthetic')
    cfg = Config(dict(test_dataloader=dict(dataset=data | dict(data_root=str(sample)))))
    monkeypatch.chdir(sample)
    check_outputs(cfg, work_dir='work_dirs/a', out=None)
    with pytest.raises(UserError, match='--out Test/Rural/images_png is inside the data of test_'):
        check_outputs(cfg, out='Test/Rural/images_png')
    # Images outside the root count too.
    (tmp_path / 'link').symlink_to(sample / 'Test/Rural')
    with pytest.raises(UserError, match=r'is inside the data of test_dataloader\.dataset \('):
        check_outputs(cfg, show_dir=str(tmp_path / 'link' / 'masks_png'))
