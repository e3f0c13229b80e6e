import pytest
import torch


@pytest.fixture
def drdg():
    """Return a function that makes the config of a small DRDG. It fits the images of ``pairs``."""

    def config(**options):
        generator = dict(type='ResiGenerator', channels=(4, 6, 8), dropout=0.0)
        generator |= options.pop('generator', {})
        critic = dict(type='PatchCritic', channels=(4, 6))
        return dict(type='DRDG', generator=generator, critic=critic, **options)

    return config


@pytest.fixture
def pairs():
    """Return a function that makes a batch of two pairs, as a data loader returns it.

    Source images have 32×48 pixels, and target images 24×32. The values of the bands are in 0…255.
    The last channel is depth; 0 is no-data.
    """

    def batch(seed=0, bands=4):
        g = torch.Generator().manual_seed(seed)
        inputs = {}
        for domain, size in dict(source=(32, 48), target=(24, 32)).items():
            images = torch.rand(2, 4, *size, generator=g)
            images[:, :3] = (images[:, :3] * 255).round()
            images[0, 3, :9, 5:14] = 0  # no-data
            inputs[domain] = list(images[:, :bands])
        return dict(inputs=inputs, data_samples=None)

    return batch
