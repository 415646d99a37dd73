# SPDX-License-Identifier: Apache-2.0
"""However it ends, nothing of ours stays: no process, BPF program, map or perf event."""
import os
import random
import signal
import subprocess
import time

import pytest

from service import bpf_objects, child, of_build, perf_event_holders, until

STARTS = 100
KILLS = 20


@pytest.fixture
def nothing_left(build):
    """Taken before; afterwards the same must be there. What others have loaded meanwhile and take
    away again within a minute does not count."""
    processes, objects, holders = of_build(build), bpf_objects(), perf_event_holders()
    yield
    until(lambda: not of_build(build).keys() - processes.keys())
    new = bpf_objects() - objects
    until(lambda: not new & bpf_objects(), 60, 0.2)
    new = perf_event_holders() - holders
    until(lambda: not new & perf_event_holders(), 60, 0.2)


@pytest.mark.limit(150)
def test_a_hundred_starts_and_stops(nothing_left, cprofctl, tmp_path, note):
    start = time.monotonic()
    for i in range(STARTS):
        done = subprocess.run([cprofctl, "record", "-p", str(os.getpid()), "-s", "0.1", "-o",
                               tmp_path / f"{i}"], capture_output=True, timeout=30, check=False)
        assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.iterdir())) == STARTS
    note(f"{(time.monotonic() - start) / STARTS:.2f} s each")


@pytest.mark.limit(120)
def test_twenty_kills(nothing_left, cprofctl, spawn, tmp_path, note):
    """cprofd is killed at random moments of its start and its work."""
    seed = random.SystemRandom().randrange(1 << 32)
    note(f"seed {seed}")
    moments = random.Random(seed)
    for i in range(KILLS):
        job = spawn([cprofctl, "record", "-p", os.getpid(), "-s", "20", "-o", tmp_path / "p"],
                    stderr=subprocess.PIPE, text=True)
        pid = until(lambda: child(job.pid, "cprofd"), every=0.001)
        time.sleep(moments.uniform(0, 0.6))
        os.kill(pid, signal.SIGKILL)
        said = job.communicate(timeout=20)[1].splitlines()
        assert job.returncode == 1, (i, said)
        assert said[1:] == ["cprofctl: cprofd ended by signal 9"], (i, said)
        assert not list(tmp_path.iterdir())


def test_cprofctl_is_killed(nothing_left, cprofctl, spawn, tmp_path):
    for delay in (0.05, 0.5, 1):
        job = spawn([cprofctl, "record", "-a", "-s", "20", "-o", tmp_path / "p"])
        time.sleep(delay)
        job.kill()
        job.wait()
    assert not list(tmp_path.iterdir())
