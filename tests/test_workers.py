import os
import signal
import subprocess
import sys
import time

import pytest

from depthda.workers import each_done, worker_pool

SCRIPT = """
import os, sys
from operator import neg
from depthda.workers import each_done, worker_pool

if __name__ == '__main__':
    with worker_pool(2) as pool:
        print(sorted(each_done(neg, [1, 2, 3], pool)))
        print(*pool._processes, flush=True)
        sys.stdin.read()
"""


def is_running(pid):
    try:
        with open(f'/proc/{pid}/stat') as file:
            return file.read().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not os.path.isdir('/proc'), reason='looks processes up in /proc')
def test_workers_end_when_their_parent_is_killed(tmp_path):
    (tmp_path / 'script.py').write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, tmp_path / 'script.py'], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert process.stdout.readline() == b'[(1, -1), (2, -2), (3, -3)]\n'
    pids = process.stdout.readline().split()
    assert len(pids) == 2 and all(is_running(int(pid)) for pid in pids)
    process.send_signal(signal.SIGKILL)
    process.wait()
    end = time.monotonic() + 20
    while any(is_running(int(pid)) for pid in pids) and time.monotonic() < end:
        time.sleep(0.05)
    assert not any(is_running(int(pid)) for pid in pids)


def test_one_worker_is_this_process_and_progress_counts_the_finished_items():
    steps = []
    with worker_pool(1) as pool:
        assert pool is None
        done = each_done(os.path.basename, ['a/b', 'c'], pool, lambda *step: steps.append(step))
        assert list(done) == [('a/b', 'b'), ('c', 'c')]
    assert steps == [(0, 2), (1, 2), (2, 2)]
