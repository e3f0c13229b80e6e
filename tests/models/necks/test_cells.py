"""Pooling equals a loop over cells; the norm equals batch norm of only the valid cells."""

import copy

import pytest
import torch
from mmengine.model import revert_sync_batchnorm
from torch import nn

from depthda.models.necks.cells import norm_cells, pool_cells


def case(size=(9, 6), images=2, share=0.7, seed=0):
    g = torch.Generator().manual_seed(seed)
    features = torch.randn(images, 3, *size, generator=g, dtype=torch.float64) + 2
    return features, torch.rand(images, *size, generator=g) < share


@pytest.mark.parametrize('size', [(8, 12), (9, 6), (3, 5)])
def test_pooling_averages_the_valid_positions_of_each_cell(size):
    features, valid = case(size)
    valid[0, :4, :4] = False  # a cell without valid positions
    with_nan = features.masked_fill(~valid.unsqueeze(1), torch.nan)
    (pooled,) = pool_cells([with_nan], valid.unsqueeze(1).double(), 4)
    assert pooled.shape[2:] == tuple(-(-side // 4) for side in size)
    for n, c, y, x in torch.cartesian_prod(*map(torch.arange, pooled.shape)).tolist():
        cell = slice(4 * y, 4 * y + 4), slice(4 * x, 4 * x + 4)
        values = features[n, c][cell][valid[n][cell]]
        expected = values.mean() if len(values) else torch.tensor(0.0).double()
        torch.testing.assert_close(pooled[n, c, y, x], expected)
    assert (pooled[0, :, 0, 0] == 0).all()


@pytest.mark.parametrize('size', [(8, 4), (7, 5)])
def test_the_gradient_of_pooling_equals_finite_differences_and_keeps_no_copy_of_the_features(size):
    features, valid = case(size)
    inside, saved = valid.unsqueeze(1).double(), []
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: saved.append(x.shape) or x, lambda x: x
    ):
        pool_cells([features.requires_grad_()], inside, 4)
    assert saved == [inside.shape]
    assert torch.autograd.gradcheck(lambda x: pool_cells([x], inside, 4)[0], features, atol=1e-9)


def norm_of(**settings):
    norm = nn.BatchNorm2d(3, **settings).double()
    if norm.affine:
        nn.init.normal_(norm.weight), nn.init.normal_(norm.bias)
    return norm


def state(norm):
    return [buffer.clone() for buffer in norm.buffers()]


@pytest.mark.parametrize('share', [0.6, 1.0])
@pytest.mark.parametrize('settings', [{}, dict(momentum=None), dict(affine=False)])
def test_the_norm_equals_batch_norm_of_the_valid_cells(share, settings):
    """Values, gradients and running statistics are equal over two steps."""
    norm = norm_of(**settings)
    rows_norm = nn.BatchNorm1d(3, **settings).double()
    rows_norm.load_state_dict(norm.state_dict())
    for seed in (1, 2):
        features, cells = case(share=share, seed=seed)
        slope = torch.randn_like(features)
        masked, selected = (features.clone().requires_grad_() for _ in range(2))
        normed = norm_cells(masked, cells, norm).movedim(1, 3)[cells]
        expected = rows_norm(selected.movedim(1, 3)[cells])
        torch.testing.assert_close(normed, expected)
        for result in (normed, expected):
            (result * slope.movedim(1, 3)[cells]).sum().backward()
        torch.testing.assert_close(masked.grad, selected.grad)
        assert (masked.grad.movedim(1, 3)[~cells] == 0).all()
        for parameter, same in zip(norm.parameters(), rows_norm.parameters(), strict=True):
            torch.testing.assert_close(parameter.grad, same.grad)
        torch.testing.assert_close(state(norm), state(rows_norm))


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_if_all_cells_are_valid_the_result_is_that_of_the_norm(dtype):
    features, cells = case(size=(16, 16), share=1.1)
    norm = norm_of().float()
    same = copy.deepcopy(norm)
    normed = norm_cells(features.to(dtype), cells, norm)
    assert normed.dtype == dtype
    torch.testing.assert_close(normed, same(features.to(dtype)))
    torch.testing.assert_close(state(norm), state(same))
    assert torch.equal(norm_cells(features.float(), cells, norm.eval()), norm(features.float()))


@pytest.mark.parametrize('count', [0, 1])
def test_running_statistics_do_not_change_without_two_valid_cells(count):
    features, cells = case()
    cells[:] = False
    cells.view(-1)[:count] = True
    norm = norm_of()
    before = state(norm)[:2]
    normed = norm_cells(features.requires_grad_(), cells, norm)
    normed.sum().backward()
    assert normed.isfinite().all() and features.grad.isfinite().all()
    for statistic, initial in zip(state(norm), before, strict=False):
        assert torch.equal(statistic, initial)


def trained(norm, images=slice(None)):
    """Return the result, the gradients and the statistics of a norm of some of four images."""
    features, cells = case(images=4)
    cells[:2, :5] = False  # the two processes have different numbers of valid cells
    slope = torch.randn(features.shape, generator=torch.Generator().manual_seed(3)).double()
    features = features[images].clone().requires_grad_()
    normed = norm_cells(features, cells[images], norm)
    (normed * slope[images]).sum().backward()
    return [normed.detach(), features.grad, norm.weight.grad, norm.bias.grad, *state(norm)]


def _rank(rank, store, out):
    store = f'file://{store}'
    torch.distributed.init_process_group('gloo', init_method=store, rank=rank, world_size=2)
    results = trained(nn.SyncBatchNorm(3).double(), slice(2 * rank, 2 * rank + 2))
    torch.save(results, out / f'{rank}.pt')
    torch.distributed.destroy_process_group()


def test_synchronised_norm_counts_the_cells_of_all_processes(tmp_path):
    # Fork the processes, because a new interpreter would spend ten seconds on imports.
    # With a GPU, autograd refuses to run in a forked process.
    method = 'spawn' if torch.cuda.is_available() else 'fork'
    arguments = (tmp_path / 'store', tmp_path)
    torch.multiprocessing.start_processes(_rank, arguments, nprocs=2, start_method=method)
    first, second = (torch.load(tmp_path / f'{rank}.pt') for rank in range(2))
    normed, slope, weight, bias, *statistics = trained(nn.BatchNorm2d(3).double())
    torch.testing.assert_close(torch.cat([first[0], second[0]]), normed)
    torch.testing.assert_close(torch.cat([first[1], second[1]]), slope)
    torch.testing.assert_close([first[2] + second[2], first[3] + second[3]], [weight, bias])
    torch.testing.assert_close([first[4:], second[4:]], [statistics, statistics])


def test_synchronised_norm_in_one_process_equals_plain_batch_norm():
    features, cells = case()
    sync = nn.SyncBatchNorm(3).double()
    plain = revert_sync_batchnorm(copy.deepcopy(sync))
    normed, expected = (norm_cells(features, cells, norm) for norm in (sync, plain))
    torch.testing.assert_close(normed, expected)
