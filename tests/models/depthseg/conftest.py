import pytest
import torch
from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation

BACKBONE = dict(model_type='dinov2', hidden_size=24, num_hidden_layers=4, num_attention_heads=2)
BACKBONE |= dict(patch_size=4, image_size=32)


@pytest.fixture(scope='session')
def depth_anything(tmp_path_factory):
    """Return a tiny Depth Anything model, and the folder with its checkpoint."""
    torch.manual_seed(3)
    stages = dict(out_features=[f'stage{i}' for i in (1, 2, 3, 4)], reshape_hidden_states=False)
    sizes = dict(patch_size=4, reassemble_hidden_size=24, neck_hidden_sizes=[6, 8, 10, 12])
    sizes |= dict(fusion_hidden_size=8, head_hidden_size=6)
    backbone = dict(BACKBONE, apply_layernorm=True, **stages)
    config = DepthAnythingConfig(backbone_config=backbone, **sizes)
    model = DepthAnythingForDepthEstimation(config).eval()
    # By default, random weights predict almost constant depth. The bias keeps depth above 0.
    for weight in [*model.neck.parameters(), *model.head.parameters()]:
        if weight.ndim > 1:
            torch.nn.init.kaiming_normal_(weight)
    model.head.conv3.weight.data.mul_(0.02)
    torch.nn.init.constant_(model.head.conv3.bias, 10)
    folder = tmp_path_factory.mktemp('depth-anything')
    model.save_pretrained(folder)
    return model, str(folder)
