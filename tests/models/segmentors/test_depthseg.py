import pytest
import torch
from labelled_samples import labelled
from mmengine.config import Config
from mmseg.registry import MODELS
from transformers import Dinov2Backbone, Dinov2Config

from depthda.engine.optimizers.stage_decay import StageDecayOptimWrapperConstructor
from depthda.errors import UserError
from depthda.models.losses.ssim import ssim_loss

ARCH = dict(hidden_size=32, num_hidden_layers=4, num_attention_heads=2, patch_size=4, image_size=32)
WITHOUT_DEPTH = dict(depth_decoder=None, prompter=None, loss_depth=None)


@pytest.fixture
def encoder(tmp_path):
    """Return the folder of a tiny DINOv2 checkpoint."""
    torch.manual_seed(7)
    stages = [f'stage{i}' for i in range(1, 5)]
    Dinov2Backbone(Dinov2Config(**ARCH, out_features=stages)).save_pretrained(tmp_path)
    return str(tmp_path)


def build(prompted: bool = True, weights: str | None = None, **settings):
    norm = dict(norm_cfg=dict(type='BN'))
    encoder = dict(type='TransformersBackbone', arch=dict(ARCH, model_type='dinov2'), frozen=True)
    decoder = dict(type='DepthDecoder', in_channels=32, patch_size=4, channels=12, head_channels=8)
    head = dict(type='DepthSegHead', in_channels=[32] * 4, channels=24, num_classes=7)
    head |= dict(dropout_ratio=0, align_corners=False, **norm)
    config = dict(
        type='DepthSeg',
        data_preprocessor=dict(
            type='RGBDDataPreprocessor', mean=[120, 110, 100], std=[50, 55, 60], bgr_to_rgb=True
        ),
        backbone=dict(encoder, out_indices=(1, 2, 3, 4), weights=weights),
        adapter=dict(type='LightweightAdapter', channels=[32] * 4, **norm),
        depth_decoder=dict(decoder, reassemble_channels=(8, 12, 16, 16)),
        prompter=dict(type='DepthPrompter', in_channels=12, channels=12, **norm),
        loss_depth=dict(type='SSIMLoss'),
        decode_head=dict(
            head,
            prompt_channels=12 if prompted else 0,
            loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
        ),
        train_cfg=None,
        test_cfg=dict(mode='whole'),
    )
    config |= settings if prompted else WITHOUT_DEPTH | settings
    model = MODELS.build(Config(config))
    model.init_weights()
    return model


def batch(height: int = 30, width: int = 41, num: int = 2):
    """Return normalised images with depth, and samples with labels."""
    return torch.randn(num, 4, height, width), labelled(torch.randint(7, (num, height, width)))


def optimizer(model, lr=3e-3):
    settings = dict(optimizer=dict(type='AdamW', lr=lr, weight_decay=1e-3))
    return StageDecayOptimWrapperConstructor(settings, dict(decay_rate=1.0))(model)


def total(losses: dict) -> torch.Tensor:
    return sum(value for key, value in losses.items() if 'loss' in key)


def test_the_encoder_is_frozen_and_everything_else_learns(encoder):
    model = build(weights=encoder).train()
    before = {key: value.clone() for key, value in model.named_parameters()}
    wrapper = optimizer(model)
    optimised = {id(p) for group in wrapper.optimizer.param_groups for p in group['params']}
    assert not model.backbone.training
    for _ in range(2):
        wrapper.update_params(total(model.loss(*batch())))
    total(model.loss(*batch())).backward()
    for name, parameter in model.named_parameters():
        frozen = not parameter.requires_grad
        assert frozen == (name.startswith('backbone.') or 'layers.0.residual_layer1' in name)
        assert (id(parameter) in optimised) != frozen
        assert torch.equal(parameter, before[name]) == frozen, name
        assert (parameter.grad is None) == frozen


def test_depth_is_learned_from_the_last_channel_of_the_image():
    model = build().eval()
    images, samples = batch()
    images[0, 3, :20, 5:9] = torch.nan
    losses = model.loss(images, samples)
    assert set(losses) == {'decode.loss_ce', 'decode.acc_seg', 'loss_depth'}
    enlarged = torch.nn.functional.interpolate(images[:, :3], (32, 44), mode='bilinear')
    depth = model.depth_decoder(model.backbone(enlarged)).depth
    depth = torch.nn.functional.interpolate(depth, (30, 41), mode='bilinear')[:, 0]
    process = model.data_preprocessor
    teacher = images[:, 3] * process.depth_std + process.depth_mean
    expected = ssim_loss(depth, teacher, images[:, 3].isfinite())
    torch.testing.assert_close(losses['loss_depth'], expected)
    # Depth is also learned at pixels without a label; without any depth the loss is 0.
    for sample in samples:
        sample.gt_sem_seg.data[:] = 255
    unlabelled = model.loss(images, samples)
    assert unlabelled['decode.loss_ce'] == 0
    assert torch.equal(unlabelled['loss_depth'], losses['loss_depth'])
    images[:, 3] = torch.nan
    assert model.loss(images, samples)['loss_depth'] == 0


def test_a_model_without_adapter_or_prompter_has_no_weights_for_them():
    def count(**settings):
        return sum(p.numel() for p in build(**settings).parameters())

    parts = {name: sum(p.numel() for p in m.parameters()) for name, m in build().named_children()}
    prompt_weights = 4 * 12 * 24  # of the four layers of the head that read prompts
    depth = parts['depth_decoder'] + parts['prompter'] + prompt_weights
    total = count()
    assert total == sum(parts.values())
    assert count(adapter=None) == total - parts['neck']
    assert count(prompted=False) == total - depth
    assert count(prompted=False, adapter=None) == total - depth - parts['neck']
    model = build(prompted=False, adapter=None)
    names = {name for name, _ in model.named_children()}
    assert names == {'data_preprocessor', 'backbone', 'decode_head'}
    images, samples = batch()
    assert set(model.loss(images[:, :3], samples)) == {'decode.loss_ce', 'decode.acc_seg'}


@pytest.mark.parametrize('size', [(32, 40), (30, 41), (13, 50)])
def test_logits_have_the_size_of_the_image_and_need_no_depth(size):
    model = build().eval()
    images, samples = batch(*size)
    predicted = model.predict(images[:, :3], samples)
    assert predicted[0].seg_logits.shape == size
    logits = predicted[0].seg_logits.data
    images[:, 3] = torch.nan
    assert torch.equal(model.predict(images, samples)[0].seg_logits.data, logits)


@pytest.mark.parametrize(
    'test_cfg', [dict(mode='whole'), dict(mode='slide', crop_size=(24, 24), stride=(16, 16))]
)
def test_keep_depth_adds_depth_at_the_image_size_without_changing_classes(test_cfg):
    model = build(test_cfg=test_cfg).eval()
    images, samples = batch(30, 40)
    for sample in samples:
        sample.set_metainfo(dict(flip=True, flip_direction='horizontal', ori_shape=(60, 80)))
    plain = [sample.seg_logits.data.clone() for sample in model.predict(images[:, :3], samples)]
    classes = [sample.pred_sem_seg.data.clone() for sample in samples]
    with_depth = build(test_cfg=test_cfg, keep_depth=True).eval()
    with_depth.load_state_dict(model.state_dict())
    predicted = with_depth.predict(images[:, :3], samples)
    for sample, logits, labels in zip(predicted, plain, classes, strict=True):
        assert torch.equal(sample.seg_logits.data, logits)
        assert torch.equal(sample.pred_sem_seg.data, labels)
        assert sample.pred_depth.shape == (60, 80)
    if test_cfg['mode'] == 'whole':
        depth = model.depth_decoder(model.backbone(images[:, :3].nan_to_num()[..., :28, :])).depth
        assert depth.shape[2:] == (28, 40)
        enlarged = torch.nn.functional.interpolate(images[:, :3], (32, 40), mode='bilinear')
        depth = model.depth_decoder(model.backbone(enlarged)).depth
        depth = torch.nn.functional.interpolate(depth, (30, 40), mode='bilinear').flip(3)
        depth = torch.nn.functional.interpolate(depth, (60, 80), mode='bilinear').clamp(0, 1)
        torch.testing.assert_close(predicted[0].pred_depth.data, depth[0])


def test_a_teacher_model_replaces_the_depth_channel():
    @MODELS.register_module(force=True)
    class Brightness:
        def __call__(self, images):
            return images.mean(1).sigmoid()

    model = build().eval()
    taught = build(teacher=dict(type='Brightness')).eval()
    taught.load_state_dict(model.state_dict())
    images, samples = batch()
    process = model.data_preprocessor
    depth = images[:, :3].mean(1).sigmoid()
    images[:, 3] = (depth - process.depth_mean) / process.depth_std
    expected = model.loss(images, samples)['loss_depth']
    images[:, 3] = 0
    torch.testing.assert_close(taught.loss(images, samples)['loss_depth'], expected)
    torch.testing.assert_close(taught.loss(images[:, :3], samples)['loss_depth'], expected)
    # Nothing is learned where the loaded depth is NaN, as in padding and corners of rotations.
    images[:, 3] = torch.nan
    assert taught.loss(images, samples)['loss_depth'] == 0


def test_missing_depth_and_incomplete_configs_are_refused():
    images, samples = batch()
    with pytest.raises(UserError, match='there are none: set depth='):
        build().loss(images[:, :3], samples)
    with pytest.raises(
        UserError, match='has no prompter: set all of depth_decoder, prompter and loss_depth'
    ):
        build(prompter=None)
    with pytest.raises(UserError, match='remove teacher and keep_depth'):
        build(prompted=False, keep_depth=True)
