"""Two processes average the gradients of critics and generators."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

# Each process trains on its own pair. As a reference, a second model without mmengine's wrapper
# averages its gradients explicitly, between backward and step.
SCRIPT = """
import copy, torch
import torch.distributed as dist
from mmengine.logging import MessageHub
from mmengine.model import MMSeparateDistributedDataParallel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import init_default_scope
from mmseg.registry import MODELS
import depthda
init_default_scope('mmseg')
dist.init_process_group('gloo')
rank = dist.get_rank()
torch.manual_seed(0)
config = dict(
    type='DRDG', n_critic=2,
    generator=dict(type='ResiGenerator', channels=(4, 6, 8), dropout=0.0),
    critic=dict(type='PatchCritic', channels=(4, 6)),
)
wrapped = MODELS.build(config)
averaged = copy.deepcopy(wrapped)

class Averaged(OptimWrapper):
    def step(self, **kwargs):
        for group in self.optimizer.param_groups:
            for parameter in group['params']:
                dist.all_reduce(parameter.grad)
                parameter.grad /= 2
        super().step(**kwargs)

def wrapper(model, kind):
    def optimise(*names):
        weights = [p for name in names for p in getattr(model, name).parameters()]
        return kind(torch.optim.SGD(weights, lr=0.05))
    return OptimWrapperDict(**{part: optimise(*names) for part, names in model.parts.items()})

averaging_optimisers = wrapper(averaged, Averaged)
plain_optimisers = wrapper(wrapped, OptimWrapper)
wrapped = MMSeparateDistributedDataParallel(wrapped, device_ids=None)
start = copy.deepcopy(averaged.state_dict())
hub = MessageHub.get_current_instance()
for step in range(4):
    hub.update_info('iter', step)
    g = torch.Generator().manual_seed(10 * step + rank)
    sizes = dict(source=(32, 48), target=(24, 32))
    inputs = {n: [torch.rand(4, *s, generator=g)] for n, s in sizes.items()}
    for model, optim in ((averaged, averaging_optimisers), (wrapped, plain_optimisers)):
        torch.manual_seed(100 * step + rank)  # for the gradient penalty
        model.train_step(dict(inputs=inputs), optim)
trained = dict(wrapped.module.named_parameters())
changed = 0
for name, parameter in averaged.named_parameters():
    part, rest = name.split('.', 1)
    torch.testing.assert_close(trained[f'{part}.module.{rest}'], parameter, rtol=1e-4, atol=1e-6)
    changed += not torch.equal(parameter, start[name])
assert changed > 0.8 * len(start), changed
print('equal', flush=True)
"""


def test_two_processes_average_their_gradients(tmp_path):
    script = tmp_path / 'script.py'
    script.write_text(SCRIPT)
    command = [sys.executable, '-m', 'torch.distributed.run', '--standalone']
    command += ['--nproc-per-node', '2', str(script)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count('equal') == 2
