"""Count training iterations of configs in one process; see test_cost.py.

The argument is a JSON list of configs, each with its options and the sides of its images.
"""

import json
import sys

from depthda.cost.stubs import load_stubs

load_stubs()

from depthda.cost.iteration import count_training  # noqa: E402
from depthda.engine.prepare import load_config  # noqa: E402

results = []
for config, options, sizes in json.loads(sys.argv[1]):
    cost = count_training(load_config(config, options), [], sizes)
    counts = dict(launches=cost.launch_count, casts=cost.cast_count, waits=cost.waits)
    results.append(counts | dict(gigabytes=cost.gigabytes, peak=cost.peak_gib))
print(json.dumps(results))
