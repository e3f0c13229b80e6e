"""The cost of programs and of configs, computed on fake CUDA tensors."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from refusals import refusal

from depthda.cost import stubs
from depthda.cost.cards import CARDS, chosen_cards
from depthda.main import main

HERE = Path(__file__).parent
HAS_COMPILER = shutil.which('g++') or shutil.which('clang++') or torch.version.cuda
pytestmark = pytest.mark.skipif(not HAS_COMPILER, reason='needs a C++ compiler')


def call(*words):
    """Run a command in its own process, because the stubs must be loaded before PyTorch."""
    done = subprocess.run([sys.executable, *map(str, words)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope='module')
def probed():
    return json.loads(call(HERE / 'probe.py'))


def test_operations_that_run_a_kernel_are_launches(probed):
    expected = {'product': 1, 'view': 0, 'empty': 0, 'product of a view': 1}
    assert probed['launches'] == expected


def test_what_needs_a_value_waits(probed):
    waits = probed['waits']
    assert waits['item'] == waits['float'] == waits['tolist'] == waits['if'] == ['value']
    assert waits['mask'] == waits['assignment with a mask'] == ['boolean mask']
    assert waits['nonzero'] == ['nonzero'] and waits['unique'] == ['_unique2']
    assert waits['to the CPU'] == ['to the CPU'] and waits['to the GPU'] == ['to the GPU']
    for name in ('to the GPU, asynchronous', 'where', 'comparison'):
        assert waits[name] == [], name


def test_made_up_values_are_those_of_valid_data(probed):
    assert probed['answers'] == {'all': True, 'any': False}


def test_casts_and_bytes(probed):
    assert probed['casts'] == {'float32 > bfloat16': 1, 'bfloat16 > float32': 1}
    assert probed['moved'] == 2 * 1024 * 4


def test_memory_follows_the_life_of_storages(probed):
    block = 4096  # 1,000 float32 values in multiples of 512 bytes
    assert probed['live'] == block and probed['peak'] == 2 * block and probed['freed'] == 0


def test_memory_equals_what_autograd_keeps(probed):
    """Weights, the images, and the outputs that the backward pass needs."""
    assert probed['memory'] == pytest.approx(probed['kept'], rel=0.02)


def test_flops_equal_the_formula(probed):
    """Multiply-adds count twice; a layer costs the same for each of its two gradients."""
    # Output values × multiply-adds of each.
    layers = [8 * 14**2 * 4 * 9, 6 * 12**2 * 4 * 9, 6 * 10**2 * 9, 5 * 600]
    assert probed['flops'] == 2 * 2 * 3 * sum(layers)
    assert probed['phases'] == ['backward', 'forward']


def test_the_time_of_an_operation():
    card = CARDS['h100']
    half, full = torch.bfloat16, torch.float32
    assert card.seconds('matrix', half, 989e9, 1) == pytest.approx(1e-3 / 0.72)
    assert card.seconds('matrix', full, 67e9, 1) == pytest.approx(1e-3 / 0.8)
    assert card.seconds('convolution', full, 495e9, 1) == pytest.approx(1e-3 / 0.6)
    assert card.seconds('plain', half, 1, 3.35e9) == pytest.approx(1e-3 / 0.8)
    assert card.seconds('plain', half, 1, 1) == pytest.approx(4e-6)


@pytest.fixture(scope='module')
def counted(tmp_path_factory):
    """Return the counts of a config with options, each counted once."""
    folder, known = tmp_path_factory.mktemp('cost'), {}

    def count(*words):
        if words not in known:
            path = folder / f'{len(known)}.json'
            known[words] = call('-m', 'depthda', 'cost', *words, '--json', path), path
        text, path = known[words]
        (counts,) = json.loads(path.read_text()).values()
        return text, counts

    return count


HALF = '+optim_wrapper.half_parts=[backbone,neck,decode_head,auxiliary_head]'
HALF_FUSION = HALF.replace('neck', 'neck.fusion')
LARGE = ('model.data_preprocessor.size=(1024,1024)',)
LARGE += ('train_dataloader.dataset.pipeline.3.crop_size=(1024,1024)',)
# Launches, casts, GB and GiB at most; None is not limited.
BUDGETS = {
    ('depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512',): (2600, 600, 66, 8.5),
    (
        'depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512',
        *('--cfg-options', HALF),
    ): (2000, 50, 45, 7.5),
    (
        'depth_guided/depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512',
        *('--cfg-options', HALF_FUSION, *LARGE),
    ): (3000, None, None, None),
    (
        'depthseg/depthseg_dinov2-s_1xb8-50e_liuzhou-512x512',
        *('--cfg-options', '+optim_wrapper.half_parts=[backbone]'),
    ): (900, None, None, None),
    ('drdg/drdg_potsdam2vaihingen', '--size', '896', '512'): (1950, None, None, None),
}


@pytest.mark.parametrize('words', BUDGETS, ids=lambda words: words[0].split('/')[0])
def test_a_training_iteration_keeps_its_budget(counted, words):
    """Without a wait for the GPU, between two logging intervals."""
    _, counts = counted(*words)
    found = counts['launch_count'], counts['cast_count'], counts['gigabytes'], counts['peak_gib']
    assert counts['wait_count'] == 0, counts['waits']
    for value, limit in zip(found, BUDGETS[words], strict=True):
        assert limit is None or value <= limit, found


def test_the_table_and_the_details(counted):
    config = 'sample/depthda_tiny_u2r'
    text, counts = counted(config, '--card', 'h100', '4090', '--batch', '6', '--detail')
    lines = text.splitlines()
    assert lines[0] == 'depthda_tiny_u2r: one iteration of training, 6 images per batch'
    assert lines[1].split() == 'card memory one iteration 300 iterations limited by'.split()
    assert lines[2].startswith('H100 SXM') and 'of 80 GiB' in lines[2]
    assert lines[3].startswith('RTX 4090') and 'of 24 GiB' in lines[3]
    assert f'launches    {counts["launch_count"]:,}' in text and 'waits       0' in text
    assert counts['batch'] == 6 and counts['iterations'] == 300


def test_a_test_waits_for_the_counts_of_each_image(counted):
    text, counts = counted('sample/upernet_tiny_u2r', '--test', '--size', '128')
    assert 'one iteration of test, 1 image per batch' in text
    assert counts['launches'].keys() == {'forward'} and counts['wait_count'] <= 4


def test_a_batch_that_does_not_fit_gets_advice(counted):
    config = 'depthda/depthda_convnext-xl-b_1xb4-40k_loveda-u2r-512x512'
    text, _ = counted(config, '--card', 'v100')
    assert 'does not fit' in text and 'optim_wrapper.accumulative_counts=2 needs' in text
    assert "optim_wrapper.dtype='float16'" in text


@pytest.mark.parametrize(
    ('words', 'message'),
    [
        (('sample/upernet_tiny_u2r', '--card', 'x'), '--card x is unknown: choose from a100, '),
        (('sample/upernet_tiny_u2r', '--batch', '0'), '--batch 0 must be 1 or more.'),
        (('sample/upernet_tiny_u2r', '--size', '0'), '--size 0 must be from 1 to 8192.'),
        (('drdg/drdg_potsdam2vaihingen',), '--size 896 512 for source and target.'),
        (('drdg/drdg_potsdam2vaihingen', '--test'), 'has no test: leave out --test'),
    ],
)
def test_wrong_arguments_end_with_one_sentence(words, message):
    command = [sys.executable, '-m', 'depthda', 'cost', *words]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and done.stdout == ''
    assert message in done.stderr and len(done.stderr.strip().splitlines()) == 1


def test_cards():
    assert chosen_cards(['all']) == list(CARDS.values())
    assert chosen_cards(['h200', 'a100']) == [CARDS['h200'], CARDS['a100']]


@pytest.mark.skipif(torch.version.cuda is not None, reason='needs a CPU build of PyTorch')
def test_the_stubs_need_a_compiler_and_come_first(monkeypatch, tmp_path):
    with pytest.raises(RuntimeError, match='before PyTorch is imported'):
        stubs.load_stubs()
    monkeypatch.setattr('platformdirs.user_cache_dir', lambda name: tmp_path)
    root = Path(torch.__file__).parent
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    assert 'there is no C++ compiler: install g++, or use' in refusal(stubs._compiled, root)
    monkeypatch.setattr(shutil, 'which', lambda name: '/bin/false')
    assert '/bin/false cannot compile' in refusal(stubs._compiled, root)
    assert list(tmp_path.iterdir()) == []


def test_the_help_does_not_import_torch(capsys):
    with pytest.raises(SystemExit):
        main(['cost', '--help'])
    assert 'fake CUDA tensors' in capsys.readouterr().out
