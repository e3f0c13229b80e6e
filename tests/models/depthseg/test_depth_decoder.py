import pytest
import torch
from transformers import Dinov2Config, Dinov2Model

from depthda.errors import UserError
from depthda.models.depthseg.depth_decoder import DepthDecoder

SIZES = dict(
    in_channels=24, patch_size=4, channels=8, reassemble_channels=(6, 8, 10, 12), head_channels=6
)


def test_a_decoder_with_pretrained_weights_predicts_the_depth_of_depth_anything(
    depth_anything, monkeypatch
):
    model, folder = depth_anything
    decoder = DepthDecoder(**SIZES, weights=folder)
    images = torch.randn(2, 3, 32, 24)
    tokens = model.backbone(images).feature_maps
    maps = [stage[:, 1:].mT.unflatten(2, (8, 6)) for stage in tokens]
    logged = []
    print_log = 'depthda.models.depthseg.depth_decoder.print_log'
    monkeypatch.setattr(print_log, lambda line, *_: logged.append(line))
    expected = model(images).predicted_depth
    assert not torch.allclose(decoder(maps).depth[:, 0], expected, atol=1)
    decoder.init_weights()
    depth, features = decoder(maps)
    assert expected.std() > 0.1
    torch.testing.assert_close(depth[:, 0], expected, rtol=0, atol=1e-4)
    shapes = [tuple(feature.shape) for feature in features]
    assert shapes == [(2, 8, n * 16, n * 12) for n in (1, 2, 4)]
    halved = DepthDecoder(**SIZES, weights=folder, scale=0.5)
    halved.init_weights()
    torch.testing.assert_close(halved(maps).depth, depth / 2)

    # The number of loaded tensors is logged.
    necks, heads = len(model.neck.state_dict()), len(model.head.state_dict())
    assert logged[0] == f'DepthDecoder: {necks} tensors of neck from {folder}'
    assert logged[1] == f'DepthDecoder: {heads} tensors of head from {folder}'
    assert 'encoder are not used' in logged[2]


def test_weights_that_do_not_fit_are_refused(depth_anything, tmp_path):
    _, folder = depth_anything
    with pytest.raises(UserError, match='tensors differ, for example neck.convs.0.weight'):
        DepthDecoder(**SIZES | dict(channels=16), weights=folder).init_weights()
    config = Dinov2Config(hidden_size=8, num_hidden_layers=1, num_attention_heads=1)
    Dinov2Model(config).save_pretrained(tmp_path)
    with pytest.raises(UserError, match='are for a dinov2 model, not for Depth Anything'):
        DepthDecoder(**SIZES, weights=str(tmp_path)).init_weights()
    with pytest.raises(UserError, match='does not exist'):
        DepthDecoder(**SIZES, weights='./nowhere').init_weights()


def test_initial_depth_is_above_0_and_every_parameter_learns():
    decoder = DepthDecoder(**SIZES)
    decoder.init_weights()
    depth, features = decoder([torch.randn(2, 24, 5, 7) for _ in range(4)])
    assert depth.shape == (2, 1, 20, 28) and 0.2 < depth.mean() < 0.8
    (depth.sum() + sum(feature.sum() for feature in features)).backward()
    trained = [p for p in decoder.parameters() if p.requires_grad]
    assert all(p.grad is not None for p in trained)
