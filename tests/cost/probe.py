"""Count small programs on fake CUDA tensors, and print the results as JSON, for test_cost.py."""

import json
import sys

from depthda.cost.stubs import load_stubs

load_stubs()

import torch  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn import functional as F  # noqa: E402

from depthda.cost.counter import StepCounter  # noqa: E402
from depthda.cost.fake_cuda import fake_cuda  # noqa: E402


def count(program):
    """Return the counter of a program, which gets 1,024 fake numbers on the device."""
    counter = StepCounter()
    numbers = torch.zeros(1024, device='cuda')
    with counter:
        result = program(numbers)
    counter.result = result
    return counter


def launches(program):
    return sum(count(program).launches.values())


def waits(program):
    return [reason for reason, _ in count(program).waits.elements()]


def network():
    # The second convolution has two groups, the third is a depthwise one.
    layers = [nn.Conv2d(4, 8, 3), nn.ReLU(), nn.Conv2d(8, 6, 3, groups=2), nn.ReLU()]
    return nn.Sequential(*layers, nn.Conv2d(6, 6, 3, groups=6), nn.Flatten(), nn.Linear(600, 5))


def on_device(model):
    return model._apply(lambda t: torch.empty(t.shape, device='cuda'))


def train(model, device):
    images = torch.zeros(2, 4, 16, 16, device=device, requires_grad=True)
    F.cross_entropy(model(images), torch.zeros(2, dtype=torch.long, device=device)).backward()


def memory_at_the_loss(model):
    """Return the memory in use after a forward pass."""
    counter = StepCounter()
    with counter:
        for parameter in model.parameters():
            counter.memory.add(parameter)
        kept = model(torch.zeros(64, 4, 16, 16, device='cuda')).sum()
        live = counter.memory.live
    del kept
    return live


def kept_on_cpu():
    model, storages = network(), {}
    for parameter in model.parameters():
        storages[parameter.data_ptr()] = parameter.nbytes

    def keep(tensor):
        storages[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        loss = model(torch.zeros(64, 4, 16, 16)).sum()
    return sum(storages.values()) if loss.requires_grad else 0


def main():
    found = {'kept': kept_on_cpu()}
    with torch.device('meta'):  # fake tensors cannot replace the weights of a network on a CPU
        models = [network() for _ in range(2)]
    with fake_cuda() as mode, mode:
        found['launches'] = {
            'product': launches(lambda x: x * 2),
            'view': launches(lambda x: x.view(2, -1).mT[1:]),
            'empty': launches(lambda x: torch.empty_like(x)),
            'product of a view': launches(lambda x: x[:10] * 2),
        }
        found['waits'] = {
            'item': waits(lambda x: x.sum().item()),
            'float': waits(lambda x: float(x.sum())),
            'tolist': waits(lambda x: x.tolist()),
            'if': waits(lambda x: 1 if x.sum() > 0 else 2),
            'mask': waits(lambda x: x[x > 0]),
            'assignment with a mask': waits(lambda x: x.__setitem__(x > 0, 1)),
            'nonzero': waits(lambda x: x.nonzero()),
            'unique': waits(lambda x: x.unique()),
            'to the CPU': waits(lambda x: x.cpu()),
            'to the GPU': waits(lambda x: torch.zeros(3).to('cuda')),
            'to the GPU, asynchronous': waits(
                lambda x: torch.zeros(3).to('cuda', non_blocking=True)
            ),
            'where': waits(lambda x: torch.where(x > 0, x, 0)),
            'comparison': waits(lambda x: x > 0),
        }
        found['answers'] = {
            'all': bool(count(lambda x: (x > 0).all().item()).result),
            'any': bool(count(lambda x: (x > 0).any().item()).result),
        }
        found['casts'] = dict(count(lambda x: (x.bfloat16().float(), x.float())).casts)
        counter = count(lambda x: x * 2)
        found['moved'] = counter.moved
        counter = StepCounter()
        with counter:
            first = torch.zeros(1000, device='cuda')
            second = first * 2
            del first
            third = second[:10]
            found['live'], found['peak'] = counter.memory.live, counter.memory.peak
            del second, third
        found['freed'] = counter.memory.live
        counter, model = StepCounter(), on_device(models[0])
        with counter:
            train(model, 'cuda')
        found['flops'] = counter.flops
        found['phases'] = sorted({phase for phase, _ in counter.launches})
        found['memory'] = memory_at_the_loss(on_device(models[1]))
    json.dump(found, sys.stdout)


if __name__ == '__main__':
    main()
