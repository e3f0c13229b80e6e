"""``depthda weights``, with a folder in place of the hub."""

import os

import pytest

from depthda.engine.prepare import load_config
from depthda.engine.pretrained import pretrained_weights
from depthda.main import main


@pytest.fixture
def hub(tmp_path, monkeypatch) -> list[tuple[str, list[str]]]:
    """Replace downloads; return the list of requests. An older repository has no safetensors."""
    requested = []

    def snapshot_download(repository: str, allow_patterns: list[str]) -> str:
        if repository == 'facebook/gone':
            raise OSError('404 Client Error.')
        requested.append((repository, allow_patterns))
        folder = tmp_path / 'hub' / repository
        folder.mkdir(parents=True, exist_ok=True)
        suffix = 'bin' if 'small' in repository else 'safetensors'
        if f'*.{suffix}' in allow_patterns:
            (folder / f'model.{suffix}').touch()
        return str(folder)

    def load_url(url: str, *args, **kwargs) -> dict:
        requested.append((url, []))
        return {}

    monkeypatch.setattr('huggingface_hub.snapshot_download', snapshot_download)
    monkeypatch.setattr('torch.hub.load_state_dict_from_url', load_url)
    for name in ('HF_HOME', 'TORCH_HOME'):
        monkeypatch.setenv(name, 'elsewhere')
    return requested


def test_everything_that_a_config_needs_is_fetched_once(hub, tmp_path, capsys):
    configs = [
        'depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512',
        'baselines/convnext-b_upernet_1xb4-40k_loveda-u2r-512x512',
        'baselines/deeplabv3_r50_1xb4-40k_loveda-u2r-512x512',
    ]
    out = tmp_path / 'weights'
    assert main(['weights', *configs, '--dir', str(out)]) == 0
    safe = ['*.json', '*.safetensors']
    *models, (resnet, _) = hub
    assert models == [
        ('facebook/convnext-base-224-22k', safe),
        ('facebook/convnext-small-224', safe),
        ('facebook/convnext-small-224', ['*.json', '*.bin']),
    ]
    assert resnet.startswith('https://') and 'resnet50_v1c' in resnet
    assert os.environ['HF_HOME'] == f'{out}/huggingface'
    lines = capsys.readouterr().out.splitlines()
    assert f'facebook/convnext-small-224: {tmp_path}/hub/facebook/convnext-small-224' in lines
    assert lines[-1] == (
        f'train with: env HF_HOME={out}/huggingface TORCH_HOME={out}/torch HF_HUB_OFFLINE=1 '
        'depthda train …'
    )


def test_unavailable_weights_are_one_sentence(hub, capsys):
    arguments = ['sample/depthda_convnext-tiny_u2r', '--cfg-options']
    with pytest.raises(SystemExit) as stopped:
        main(['weights', *arguments, 'model.backbone.rgb.weights=facebook/gone'])
    assert stopped.value.code == 2
    assert "The weights 'facebook/gone' are neither a local folder nor" in capsys.readouterr().err
    # A config without pretrained weights needs nothing.
    assert main(['weights', 'sample/upernet_tiny_u2r']) == 0
    assert hub == [] and capsys.readouterr().out.startswith('nothing to download')


def test_local_folders_are_left_out(tmp_path):
    folder = tmp_path / 'own'
    folder.mkdir()
    cfg = load_config('depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512')
    cfg.model.backbone.rgb.weights = str(folder)
    cfg.load_from = 'https://example.org/start.pth'
    assert list(pretrained_weights(cfg)) == [cfg.load_from, 'facebook/convnext-small-224']
