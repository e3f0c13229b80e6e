import copy
import pickle

import torch
from mmseg.models.decode_heads import FCNHead

from depthda.models.features import GuidedFeatures


def test_mmseg_heads_read_only_fused_maps_and_copies_keep_the_depth_maps():
    fused = [torch.ones(1, 2, 4, 4), torch.full((1, 2, 4, 4), 2.0)]
    features = GuidedFeatures(fused, [torch.zeros(1, 2, 4, 4)])
    head = FCNHead(in_channels=2, channels=2, num_classes=2, num_convs=0, concat_input=False)
    assert head._transform_inputs(features) is fused[1]
    assert len(features) == 2 and isinstance(features, tuple)
    assert len(features.depth) == 1
    for same in (copy.deepcopy(features), pickle.loads(pickle.dumps(features))):
        torch.testing.assert_close([*same, *same.depth], [*features, *features.depth])
