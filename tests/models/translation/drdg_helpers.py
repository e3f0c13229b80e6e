"""Build a DRDG, split a batch into domains, and take a training step."""

import copy

import torch
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper
from mmseg.registry import MODELS
from torch import nn


def build(config):
    model = MODELS.build(config)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model


def optimisers(model, **shared):
    part = dict(optimizer=dict(type='SGD', lr=1e-3))
    config = dict(constructor='PartsOptimWrapperConstructor', generators=part, critics=part)
    return build_optim_wrapper(model, config | shared)


def step(model, data, iteration, wrappers=None, seed=0):
    MessageHub.get_current_instance().update_info('iter', iteration)
    torch.manual_seed(seed)
    return model.train_step(data, wrappers or optimisers(model))


def domains(model, data):
    return model.domains(model.data_preprocessor(data, True)['inputs'])


def weights(module):
    return copy.deepcopy(module.state_dict())


def same(state, other):
    return all(torch.equal(state[key], other[key]) for key in state.keys() | other.keys())
