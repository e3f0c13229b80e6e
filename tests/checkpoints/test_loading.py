import os
import pickle
from urllib.error import URLError

import mmengine.runner.checkpoint as mmengine_checkpoint
import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner.checkpoint import CheckpointLoader
from refusals import refusal
from torch import nn

from depthda.checkpoints.loading import (
    check_is_checkpoint,
    file_hash,
    latest_checkpoint,
    load_checkpoint_file,
    read_meta,
    restore_histories,
    to_plain,
)
from depthda.errors import UserError


class Bomb:
    """Unpickling this would create a file."""

    def __init__(self, trace):
        self.trace = trace

    def __reduce__(self):
        return os.mkdir, (str(self.trace),)


@pytest.mark.parametrize(
    'load', [load_checkpoint_file, CheckpointLoader.load_checkpoint, read_meta]
)
def test_a_checkpoint_that_would_run_code_is_refused(tmp_path, load):
    path, trace = str(tmp_path / 'bomb.pth'), tmp_path / 'it-ran'
    torch.save({'state_dict': {}, 'meta': Bomb(trace)}, path)
    # Without torch's own advice, which is to disable the check.
    assert refusal(load, path) == (
        f'{path} contains more than tensors and plain values (posix.mkdir), so loading it could '
        "run code: if you trust its source, save it again as {'state_dict': ...} with tensors only."
    )
    assert not trace.exists()
    # The same file does run code in an unsafe loader, or the test would prove nothing.
    torch.load(path, weights_only=False)
    assert trace.exists()


def test_checkpoints_of_mmengine_are_read_without_running_their_code(tmp_path):
    histories = {'loss': HistoryBuffer([3.0, 1.0], [1, 2])}
    content = {
        'state_dict': {'w': torch.ones(3)},
        'message_hub': {'log_scalars': histories, 'runtime_info': {'iter': np.int64(4)}},
        'meta': {'iter': 4},
    }
    torch.save(content, tmp_path / 'iter_4.pth')
    loaded = load_checkpoint_file(tmp_path / 'iter_4.pth')
    assert loaded['state_dict']['w'].tolist() == [1, 1, 1] and loaded['meta'] == {'iter': 4}
    assert not isinstance(loaded['message_hub']['log_scalars']['loss'], HistoryBuffer)
    # getattr is how such a file names HistoryBuffer.min, and how another could reach os.system.
    torch.save({'attribute': GetsAttribute()}, tmp_path / 'reach.pth')
    assert not callable(load_checkpoint_file(tmp_path / 'reach.pth')['attribute'])
    assert callable(torch.load(tmp_path / 'reach.pth', weights_only=False)['attribute'])


class GetsAttribute:
    def __reduce__(self):
        return getattr, ('text', 'upper')


def test_without_a_network_the_error_says_what_to_download_and_where_to_put_it(
    tmp_path, monkeypatch
):
    monkeypatch.setattr('torch.hub.get_dir', lambda: str(tmp_path))

    def fail(url, *args, **kwargs):
        raise URLError('Name or service not known')

    monkeypatch.setattr('torch.hub.load_state_dict_from_url', fail)
    url, advice = refusal(CheckpointLoader.load_checkpoint, 'open-mmlab://resnet50_v1c').split(
        ' ', 1
    )
    assert url.startswith('https://') and 'resnet50_v1c' in url and url.endswith('.pth')
    assert advice == (
        'could not be downloaded (Name or service not known): download it on a machine with '
        f'network access and put it into {tmp_path}/checkpoints, or set the path of a file instead '
        'of the URL.'
    )


def test_downloads_are_read_as_data_too(tmp_path, monkeypatch):
    path, trace = tmp_path / 'bomb.pth', tmp_path / 'it-ran'
    torch.save(Bomb(trace), path)
    with pytest.raises(pickle.UnpicklingError):
        mmengine_checkpoint.load_url(f'file://{path}', model_dir=str(tmp_path / 'cache'))
    assert not trace.exists()


def test_a_truncated_checkpoint_is_refused(tmp_path):
    path = tmp_path / 'half.pth'
    torch.save({'state_dict': {'weight': torch.zeros(100_000)}}, path)
    content = path.read_bytes()
    for length in (0, 1500, 4097, 20_000, 65_600, 100_000):  # torch raises different errors
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match='half.pth is damaged'):
            load_checkpoint_file(path)


def test_plain_content_survives_a_safe_round_trip(tmp_path):
    content = {
        'scalar': np.float64(1.5),
        'array': np.arange(3),
        'nested': [(np.int64(2), None), {'text': 'ä'}],
        'log_scalars': {'loss': HistoryBuffer([3.0, 1.0], [1, 2], max_length=5)},
    }
    torch.save(to_plain(content), tmp_path / 'plain.pth')
    loaded = load_checkpoint_file(tmp_path / 'plain.pth')
    restore_histories(loaded)

    assert loaded['scalar'] == 1.5 and type(loaded['scalar']) is float
    assert loaded['array'].tolist() == [0, 1, 2]
    assert loaded['nested'] == [(2, None), {'text': 'ä'}]
    history = loaded['log_scalars']['loss']
    assert isinstance(history, HistoryBuffer) and history.max_length == 5
    assert history.data[0].tolist() == [3.0, 1.0] and history.mean() == pytest.approx(4 / 3)


def test_only_plain_data_is_saved():
    with pytest.raises(TypeError, match='can only store plain data, not .*Linear'):
        to_plain({'model': nn.Linear(1, 1)})


def write(folder, name, age):
    (folder / name).touch()
    os.utime(folder / name, ns=(0, (100 - age) * 10**9))


def test_latest_checkpoint_is_the_newest_and_other_files_are_ignored(tmp_path):
    assert latest_checkpoint(tmp_path) is None
    write(tmp_path, 'iter_900.pth', age=1)
    write(tmp_path, 'iter_1000.pth', age=1)  # equally old: the number decides
    write(tmp_path, 'iter_4000.pth', age=9)  # of an earlier, longer run
    for name in ('best_mIoU_iter_2000.pth', '.iter_3000-x.pth'):
        write(tmp_path, name, age=0)
    assert latest_checkpoint(tmp_path).name == 'iter_1000.pth'


def test_latest_checkpoint_follows_the_record_if_its_file_exists(tmp_path):
    write(tmp_path, 'iter_900.pth', age=5)
    write(tmp_path, 'iter_1000.pth', age=0)
    (tmp_path / 'last_checkpoint').write_text('/where/it/was/before/iter_900.pth')
    assert latest_checkpoint(tmp_path) == tmp_path / 'iter_900.pth'
    (tmp_path / 'iter_900.pth').unlink()
    assert latest_checkpoint(tmp_path) == tmp_path / 'iter_1000.pth'


def test_the_error_about_a_folder_lists_its_checkpoints(tmp_path):
    (tmp_path / 'iter_7.pth').touch()
    check_is_checkpoint(tmp_path / 'iter_7.pth')
    with pytest.raises(
        UserError, match=r'is a folder: pass the path of one of its .pth files \(iter_7.pth\)'
    ):
        check_is_checkpoint(tmp_path)
    with pytest.raises(UserError, match='iter_8.pth does not exist: .* contains iter_7.pth'):
        check_is_checkpoint(tmp_path / 'iter_8.pth')


def test_any_other_file_is_not_a_checkpoint(tmp_path):
    (tmp_path / 'a.pth').write_text('not found')
    with pytest.raises(UserError, match='a.pth is not a checkpoint'):
        load_checkpoint_file(tmp_path / 'a.pth')


def test_the_format_before_torch_1_6_is_read(tmp_path):
    content = {'state_dict': {'w': torch.ones(3)}, 'meta': {'iter': 5}}
    torch.save(content, tmp_path / 'old.pth', _use_new_zipfile_serialization=False)
    assert read_meta(tmp_path / 'old.pth') == {'iter': 5}


def test_meta_and_hash(tmp_path):
    path = tmp_path / 'a.pth'
    torch.save({'state_dict': {}, 'meta': {'seed': 3}}, path)
    assert read_meta(path) == {'seed': 3}
    import hashlib

    assert file_hash(path) == hashlib.sha256(path.read_bytes()).hexdigest()[:12]
