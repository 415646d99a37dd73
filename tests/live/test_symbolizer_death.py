# SPDX-License-Identifier: Apache-2.0
"""The symbolizer dies or hangs while somebody records: it is replaced, and only what it was asked
about at that moment goes without names.
"""
import os
import shutil
import signal
import subprocess
import time

import pytest

from profiles import Profile
from service import daemon  # pylint: disable=unused-import
from service import proc_status, until

ATTEMPTS = 5


def named(profile):
    flat = profile.flat()
    return flat["alpha"] + flat["beta"]


def kill_symbolizer(started, number=signal.SIGKILL):
    pid = until(started.symbolizer)
    os.kill(pid, number)
    return pid


def record(started, process, path, *arguments):
    done = started.ctl("record", "-p", process.pid, "-o", path, *arguments)
    assert done.returncode == 0, done.stderr
    return Profile(path)


def test_killed_while_recording_it_is_replaced(daemon, workload, running, spawn, tmp_path):
    started = daemon("--hz", "999")
    process = running([workload("workloads/ratio.c")])
    job = spawn(started.argv("record", "-p", process.pid, "-s", "3", "-o", tmp_path / "p"))
    time.sleep(1)
    first = kill_symbolizer(started)
    assert job.wait(20) == 0
    assert named(Profile(tmp_path / "p")) > 95
    status = started.status()["symbolizer"]
    assert status["crashes"] == 1 and status["restarts"] == 1 and status["hangs"] == 0
    assert started.symbolizer() not in (None, first)
    # what a replacement must not have either
    assert proc_status(started.symbolizer())["Seccomp"] == "2"


def test_killed_again_and_again_it_comes_back_each_time(daemon, workload, running, tmp_path):
    started = daemon("--hz", "999")
    process = running([workload("workloads/ratio.c")])
    for _ in range(3):
        kill_symbolizer(started)
        time.sleep(0.5)
    until(started.symbolizer)
    assert named(record(started, process, tmp_path / "p", "-s", "1")) > 95
    assert started.status()["symbolizer"]["restarts"] == 3


@pytest.fixture
def asked_about_victim(daemon, workload, running, tmp_path):
    """(the daemon, a victim's PID) with the symbolizer stopped and, likely, its question the
    victim: a program that nobody has seen before."""
    started = daemon("--hz", "999")
    innocent = running([workload("workloads/ratio.c")])
    record(started, innocent, tmp_path / "warm", "-s", "1.5")

    def attempt(number):
        program = tmp_path / f"victim{number}"
        shutil.copy(workload("workloads/recursion.c"), program)
        # or it would be the same object as its original
        subprocess.run(["objcopy", "--remove-section=.note.gnu.build-id", program], check=True)
        pid = until(started.symbolizer)
        os.kill(pid, signal.SIGSTOP)
        return running([program])

    return started, innocent, attempt


@pytest.mark.limit(180)
@pytest.mark.parametrize("how", ["crash", "hang"])
def test_the_object_that_does_it_is_set_aside_and_no_other(asked_about_victim, tmp_path, how):
    """Other programs of the host may come first: then another object gets the blame, and we try
    again."""
    started, innocent, attempt = asked_about_victim
    before = started.status()["symbolizer"]
    for number in range(ATTEMPTS):
        victim = attempt(number)
        if how == "crash":
            time.sleep(2)  # a drain, at most a second later, finds the victim's first sample
            kill_symbolizer(started)
        # left stopped it is found out: five seconds
        until(lambda: started.status()["symbolizer"][
            "crashes" if how == "crash" else "hangs"] > before[
                "crashes" if how == "crash" else "hangs"] + number, 12)
        until(started.symbolizer, 40)
        profile = record(started, victim, tmp_path / "p", "-s", "1")
        if any("victim" in c and "set_aside" in c for c in profile.comments):
            break
    else:
        pytest.fail(f"never the victim's fault: {profile.comments}")
    # by its place in the file it still can be told
    assert profile.leader(profile.files()) == str(tmp_path / f"victim{number}")
    assert not any(f.name == "bottom" for frames, _, _ in profile.stacks for f in frames)
    status = started.status()["symbolizer"]
    assert status["set_aside"] >= 1 and status["restarts"] >= 1
    assert named(record(started, innocent, tmp_path / "q", "-s", "1")) > 95


@pytest.mark.limit(60)
def test_a_stopped_symbolizer_delays_a_profile_by_seconds_only(daemon, workload, running, tmp_path):
    started = daemon("--hz", "999")
    process = running([workload("workloads/ratio.c")])
    until(started.symbolizer)
    time.sleep(1)
    kill_symbolizer(started, signal.SIGSTOP)
    start = time.monotonic()
    profile = record(started, process, tmp_path / "p", "-s", "1")
    assert time.monotonic() - start < 1 + 3 + 2
    assert profile.samples > 100
    until(lambda: started.status()["symbolizer"]["hangs"] == 1, 15)
    until(started.symbolizer, 20)
