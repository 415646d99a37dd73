# SPDX-License-Identifier: Apache-2.0
"""seen = stored + lost + pending, to the sample, in a cprofd under load and short of room. The
sampler's half, against the kernel's own count, is test_sampler_conservation.c; losses that no load
forces are test_collect_losses.c.
"""
import signal
import time

import pytest

from service import daemon  # pylint: disable=unused-import
from service import imbalance, lost, until


@pytest.fixture
def load(workload, running):
    return [running([workload("workloads/ratio.c")]) for _ in range(2)]


def assert_balanced(started, times=20):
    """At any moment, not only at a quiet one: counters move all the time."""
    for _ in range(times):
        status = started.status()
        assert imbalance(status) == 0, status
        time.sleep(0.05)
    return status


def test_nothing_is_lost_when_there_is_room(daemon, load, note):
    started = daemon("--hz", "999")
    time.sleep(2)
    status = assert_balanced(started)
    assert status["stored"] > 2000 and lost(status) == 0
    note(f"{status['seen']} seen, {status['pending']} pending, {status['late']} late")


@pytest.mark.parametrize("ring", ["4K", "16K"])
def test_a_ring_that_overflows_while_its_reader_is_stopped(daemon, load, note, ring):
    started = daemon("--hz", "999", "--ring-size", ring)
    before = assert_balanced(started, 3)
    started.process.send_signal(signal.SIGSTOP)
    time.sleep(3)
    started.process.send_signal(signal.SIGCONT)
    status = assert_balanced(started)
    ring_full = status["lost"]["ring_full"] - before["lost"]["ring_full"]
    assert ring_full > 1000 and lost(status) == status["lost"]["ring_full"]
    # and it takes in what comes after
    until(lambda: started.status()["stored"] > status["stored"] + 500)
    note(f"{status['seen']} seen, {status['stored']} stored, {ring_full} lost")


def test_a_store_that_is_full_gives_up_the_oldest(daemon, load, note):
    """That is no loss at the door: they were stored."""
    started = daemon("--hz", "9999", "--store-size", "1M")
    until(lambda: started.status()["held"]["evicted"] > 0, 60, 0.5)
    status = assert_balanced(started)
    assert status["memory"]["store"] <= 1 << 20
    assert status["held"]["samples"] + status["held"]["evicted"] == status["stored"]
    note(f"{status['held']['evicted']} of {status['stored']} evicted, "
         f"no_room {status['lost']['no_room']}")


def test_a_recordings_comment_adds_up(daemon, load, tmp_path):
    """Its losses are those of its window."""
    started = daemon("--hz", "999", "--ring-size", "4K")
    done = started.ctl("record", "-a", "-s", "2", "-o", tmp_path / "p")
    assert done.returncode == 0, done.stderr
    assert imbalance(started.status()) == 0
