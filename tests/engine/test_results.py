"""The content of ``metrics.json``."""

import json
import time

import numpy as np

from depthda.engine.results import describe_test


def test_the_scores_of_another_metric_can_be_written():
    scores = {'mIoU': np.float32(12.5), 'aAcc': 31.7}
    content = describe_test('config.py', None, {}, scores, None, time.time())
    assert json.loads(json.dumps(content))['scores'] == {'mIoU': 12.5, 'aAcc': 31.7}
