"""The cost of programs and of configs, computed on fake CUDA tensors."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from refusals import refusal

from depthda.cost import report, stubs
from depthda.cost.cards import CARDS, chosen_cards
from depthda.cost.iteration import Cost
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


LARGE = {
    'model.data_preprocessor.size': (1024, 1024),
    'train_dataloader.dataset.pipeline.3.crop_size': (1024, 1024),
}


def half(*parts):
    return {'+optim_wrapper.half_parts': parts}


DUAL = 'depthda/depthda_convnext-b-s_1xb4-40k_loveda-u2r-512x512'
GUIDED = 'depth_guided/depth_guided_convnext-b-s_1xb4-40k_loveda-u2r-512x512'
HEADS = ('decode_head', 'auxiliary_head')
# Config, options, sides of the images; then at most so many launches, casts, GB and GiB.
BUDGETS = {
    'dual': (DUAL, {}, [512], 2600, 600, 66, 8.5),
    'dual, half parts': (DUAL, half('backbone', 'neck', *HEADS), [512], 2000, 50, 45, 7.5),
    'depth-guided, 1024²': (
        *(GUIDED, half('backbone', 'neck.fusion', *HEADS) | LARGE, [1024]),
        *(3000, 150, 190, 25),
    ),
    'DepthSeg': (
        *('depthseg/depthseg_dinov2-s_1xb8-50e_liuzhou-512x512', half('backbone'), [512]),
        *(900, 60, 27, 2.2),
    ),
    'DRDG': ('drdg/drdg_potsdam2vaihingen', {}, [896, 512], 1950, 10, 28, 4.5),
}


@pytest.fixture(scope='module')
def counted():
    counted = call(HERE / 'count_configs.py', json.dumps([row[:3] for row in BUDGETS.values()]))
    return dict(zip(BUDGETS, json.loads(counted.splitlines()[-1]), strict=True))


@pytest.mark.parametrize('name', BUDGETS)
def test_a_training_iteration_keeps_its_budget(counted, name):
    """It does not wait for the GPU, between two logging intervals."""
    counts = counted[name]
    assert counts['waits'] == {}
    found = [counts[key] for key in ('launches', 'casts', 'gigabytes', 'peak')]
    assert all(n <= most for n, most in zip(found, BUDGETS[name][3:], strict=True)), found


def test_the_table_and_the_details(tmp_path):
    path = tmp_path / 'cost.json'
    words = ('sample/depthda_tiny_u2r', '--card', 'h100', '4090', '--batch', '6', '--detail')
    words += ('--cfg-options', '+default_hooks.compile.type=CompileHook')
    text = call('-m', 'depthda', 'cost', *words, '--json', path)
    assert 'counted without CompileHook' in text
    (counts,) = json.loads(path.read_text()).values()
    lines = text.splitlines()
    assert lines[0] == 'depthda_tiny_u2r: one iteration of training, 6 images per batch'
    assert lines[1].split() == 'card memory one iteration 300 iterations limited by'.split()
    assert lines[2].startswith('H100 SXM') and 'of 80 GiB' in lines[2]
    assert lines[3].startswith('RTX 4090') and 'of 24 GiB' in lines[3]
    assert f'launches    {counts["launch_count"]:,}' in text and 'waits       0' in text
    assert counts['batch'] == 6 and counts['iterations'] == 300


def test_iterations_that_accumulate_gradients_are_averaged(tmp_path):
    counts = []
    for number in (1, 2):
        path = tmp_path / f'{number}.json'
        words = ['sample/upernet_tiny_u2r', '--card', 'h100', '--json', path, '--cfg-options']
        call('-m', 'depthda', 'cost', *words, f'+optim_wrapper.accumulative_counts={number}')
        counts += json.loads(path.read_text()).values()
    plain, accumulated = counts
    weights = plain['parameters']
    assert accumulated['launches']['optimiser'] == round(plain['launches']['optimiser'] / 2)
    # Half of the iterations add to the gradients, which stay in memory until the next one.
    assert 'add_' in accumulated['operations']
    assert not {'zeros', 'zeros_like'} & accumulated['operations'].keys()  # the optimiser's state
    between = (accumulated['resident_gib'] - plain['resident_gib']) * 2**30
    assert 0 <= between < 5 * weights


def test_a_test_is_counted_with_its_scores(tmp_path):
    path = tmp_path / 'cost.json'
    words = ('sample/upernet_tiny_u2r', '--test', '--size', '128', '--json', path)
    assert 'one iteration of test, 4 images per batch' in call('-m', 'depthda', 'cost', *words)
    (counts,) = json.loads(path.read_text()).values()
    assert counts['launches'].keys() == {'forward'}
    assert any('confusion.py' in where for where in counts['waits'])


def cost(batch=4, launches=1000, peak=20.0, title='V100 16 GB', seconds=0.1):
    limits = {title: {'bandwidth': 0.6 * seconds, 'computation': 0.4 * seconds}}
    counts = dict(launches={'forward': launches}, operations={}, waits={}, casts={})
    size = dict(gflop=1.0, gigabytes=1.0, resident_gib=1.0, peak_gib=peak, parameters=1)
    times = dict(seconds={title: seconds}, limits=limits, iterations=36000)
    return Cost(batch=batch, **counts, **size, **times)


def test_times_and_limits():
    card = CARDS['v100']
    small = cost(peak=5.0)
    assert report.seconds(small, card) == pytest.approx((0.14, 0.31))
    assert report.limit(small, card) == 'memory bandwidth'
    _, line = report.table(small, [card])
    assert '140 to 310 ms' in line
    assert '1.4 to 3.1 h' in line and '7.2 of 16 GiB' in line
    many = cost(launches=100_000)
    assert report.seconds(many, card) == pytest.approx((1.2, 4.0))
    assert report.limit(many, card) == 'launches by the CPU'


def test_a_batch_that_does_not_fit_gets_advice():
    card = CARDS['v100']
    assert list(report.table(cost(), [card]))[1].endswith('23.0 of 16 GiB     does not fit')
    smaller = cost(batch=1, peak=10.0)
    assert list(report.advice(cost(), smaller, [card], half=True)) == [
        'V100 16 GB: train_dataloader.batch_size=1 with optim_wrapper.accumulative_counts=4 needs '
        '12.5 GiB; multiply max_iters by 4 for as many updates',
        "V100 16 GB has no bfloat16: set optim_wrapper.type='AmpOptimWrapper' and "
        "optim_wrapper.dtype='float16'",
    ]
    assert list(report.advice(cost(), None, [card], half=False)) == [
        'V100 16 GB: not even the smallest batch fits; use smaller crops or encoders'
    ]


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
def test_wrong_arguments_end_with_one_sentence(words, message, monkeypatch, capsys):
    monkeypatch.setattr(stubs, 'load_stubs', lambda: None)
    with pytest.raises(SystemExit) as caught:
        main(['cost', *words])
    assert caught.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == '' and message in printed.err and printed.err.count('\n') == 1


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
