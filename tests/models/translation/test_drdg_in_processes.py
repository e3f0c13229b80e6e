"""Two processes average the gradients of critics and generators."""

import copy

import torch
import torch.distributed as dist
from drdg_helpers import step
from mmengine.model import MMSeparateDistributedDataParallel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS

import depthda  # noqa: F401  registers, in a process that is spawned


class Averaged(OptimWrapper):
    """Average the gradients explicitly, between backward and step."""

    def step(self, **kwargs):
        for group in self.optimizer.param_groups:
            for parameter in group['params']:
                dist.all_reduce(parameter.grad)
                parameter.grad /= 2
        super().step(**kwargs)


def wrappers(model, kind):
    def one(names):
        weights = [p for name in names for p in getattr(model, name).parameters()]
        return kind(torch.optim.SGD(weights, lr=0.05))

    return OptimWrapperDict(**{part: one(names) for part, names in model.parts.items()})


def _rank(rank, store, config):
    """Train on the pairs of one process: a model in mmengine's wrapper, and one without."""
    init_default_scope('mmseg')
    dist.init_process_group('gloo', init_method=f'file://{store}', rank=rank, world_size=2)
    torch.manual_seed(0)
    wrapped = MODELS.build(config)
    averaged = copy.deepcopy(wrapped)
    start = copy.deepcopy(averaged.state_dict())
    optimisers = wrappers(averaged, Averaged), wrappers(wrapped, OptimWrapper)
    wrapped = MMSeparateDistributedDataParallel(wrapped, device_ids=None)
    for iteration in range(4):
        g = torch.Generator().manual_seed(10 * iteration + rank)
        sizes = dict(source=(32, 48), target=(24, 32))
        inputs = {name: [torch.rand(4, *size, generator=g)] for name, size in sizes.items()}
        for model, optimiser in zip((averaged, wrapped), optimisers, strict=True):
            seed = 100 * iteration + rank  # of the gradient penalty
            step(model, dict(inputs=inputs), iteration, optimiser, seed)
    trained = dict(wrapped.module.named_parameters())
    changed = 0
    for name, parameter in averaged.named_parameters():
        part, key = name.split('.', 1)
        actual = trained[f'{part}.module.{key}']
        # mmengine's wrapper moves its model to the GPU if there is one.
        torch.testing.assert_close(actual.cpu(), parameter.cpu(), rtol=1e-4, atol=1e-6)
        changed += not torch.equal(parameter, start[name])
    assert changed > 0.8 * len(start), changed


def test_two_processes_average_their_gradients(drdg, tmp_path):
    # Forked, because a new interpreter imports for seconds; with a GPU, autograd refuses that.
    method = 'spawn' if torch.cuda.is_available() else 'fork'
    arguments = (tmp_path / 'store', drdg(n_critic=2))
    torch.multiprocessing.start_processes(_rank, arguments, nprocs=2, start_method=method)
