"""Heads whose channels do not fit the neck are refused when the model is built."""

import pytest
from mmseg.registry import MODELS

from depthda.errors import UserError

UPER = r'model.decode_head has in_channels=\[12, 24, 36, 48\], but {} returns \[{}\] channels at '


@pytest.mark.parametrize(
    'change, message',
    [
        # Gated fusion returns fewer channels than the concatenation for which the head was set.
        (
            dict(neck=dict(type='GatedFusion')),
            UPER.format('GatedFusion', '8, 16, 24, 32')
            + r'in_index=\[0, 1, 2, 3\]: set model.decode_head.in_channels=\[8, 16, 24, 32\]',
        ),
        (
            dict(auxiliary_head=dict(in_channels=24)),
            r'model.auxiliary_head has in_channels=24, but ConcatFusion returns 36 channels at '
            r'in_index=2: set model.auxiliary_head.in_channels=36\.',
        ),
        (
            dict(auxiliary_head=dict(in_index=4)),
            r'model.auxiliary_head.in_index=4 is out of range: ConcatFusion returns 4 stages, num',
        ),
    ],
)
def test_the_error_names_the_head_and_the_correct_channels(tiny_model, change, message):
    model = tiny_model()
    model.merge_from_dict(change)
    with pytest.raises(UserError, match=message):
        MODELS.build(model)
    # The error names the key of a wrapped head.
    model = tiny_model()
    head = dict(model.decode_head, in_channels=[12, 24, 36, 40])
    model.decode_head = dict(type='DepthRefinedHead', depth_channels=4, channels=8, head=head)
    neck = dict(type='MultiScaleContrastiveNeck', channels=8, norm_cfg=dict(type='BN'))
    model.neck = dict(neck, fusion=model.neck)
    with pytest.raises(UserError, match=r'model.decode_head.head has.*40\], but ConcatFusion'):
        MODELS.build(model)


def test_the_channels_of_concatenated_stages_are_added_up(tiny_model):
    model = tiny_model()
    head = model.auxiliary_head
    head.update(in_channels=[12, 24], in_index=[0, 1], input_transform='resize_concat')
    MODELS.build(model)
    model.auxiliary_head.update(in_channels=[12, 12])
    with pytest.raises(UserError, match=r'model.auxiliary_head has in_channels=24, but.*12, 24'):
        MODELS.build(model)
