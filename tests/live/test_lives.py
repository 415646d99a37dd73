# SPDX-License-Identifier: Apache-2.0
"""Processes with unusual lives: whose main thread is gone, whose PID was somebody else's, that live
in namespaces of their own.
"""
import os
import shutil
import subprocess
import time

import pytest

from profiles import Profile
from service import children, daemon  # pylint: disable=unused-import
from service import run_cpu, until


def exe_is(pid, path):
    try:
        return os.readlink(f"/proc/{pid}/exe") == str(path)
    except OSError:
        return False


def test_the_main_thread_ends_and_the_others_run_on(workload, running, record):
    process = running([workload("workloads/headless.c")])
    run_cpu(process.pid, 0.2)
    recorded = record("-p", str(process.pid), "-s", "2", "-F", "999")
    assert "ended" not in recorded.stderr
    profile = Profile(recorded.path)
    assert profile.samples > 100 and profile.duration_ns > 1.9e9
    assert profile.flat()["orphan_work"] > 95, profile.flat().most_common(5)


def test_the_main_thread_ends_while_recording(workload, spawn, record):
    """The recording of a process that starts in it, by all: its thread is not lost."""
    process = spawn(["sh", "-c", f"sleep 1; exec {workload('workloads/headless.c')}"],
                    stdout=subprocess.DEVNULL)
    recorded = record("-p", str(process.pid), "-s", "3", "-F", "999")
    assert "ended" not in recorded.stderr
    assert Profile(recorded.path).flat()["orphan_work"] > 90


@pytest.fixture
def reused(workload, running, spawn, tmp_path):
    """Record a process whose PID goes to another one `after` seconds; the first, and its profile."""
    def record(started, after):
        # the recording goes on for another process, so the window stays open
        other = spawn(["sleep", "100"])
        first = running([workload("workloads/ratio.c")])
        job = spawn(started.argv("record", "-p", f"{first.pid},{other.pid}", "-s", "3", "-o",
                                 tmp_path / "p"), stderr=subprocess.PIPE, text=True)
        time.sleep(after)
        first.kill()
        first.wait()
        second = workload("workloads/recursion.c")
        spawn([workload("workloads/as_pid.c"), first.pid, second], stdout=subprocess.DEVNULL)
        until(lambda: exe_is(first.pid, second))
        said = job.communicate(timeout=20)[1]
        assert job.returncode == 0 and f"process {first.pid} ended" in said, said
        profile = Profile(tmp_path / "p")
        assert not any(f.name == "bottom" for frames, _, _ in profile.stacks for f in frames)
        return first, profile
    return record


def test_a_pid_that_goes_to_another_process_while_recording(daemon, reused, tmp_path):
    started = daemon("--hz", "999")
    first, profile = reused(started, 1)
    flat = profile.flat()
    assert flat["alpha"] + flat["beta"] > 95, flat.most_common(5)
    # who has it now is another process, to be recorded like any
    done = started.ctl("record", "-p", first.pid, "-s", "1", "-o", tmp_path / "q")
    assert done.returncode == 0 and "ended" not in done.stderr
    assert Profile(tmp_path / "q").flat()["bottom"] > 95


def test_a_pid_that_goes_to_another_process_before_its_first_sample(daemon, reused):
    """At 19 Hz no sample has told when it was started; and it is gone before cprofd looks again."""
    reused(daemon("--hz", "19"), 0.4)


def test_a_program_that_only_its_mount_namespace_has(workload, spawn, record, tmp_path):
    program = tmp_path / "inside" / "ratio"
    program.parent.mkdir()
    process = spawn(["unshare", "-m", "sh", "-c",
                     f"mount -t tmpfs none {program.parent} && "
                     f"cp {workload('workloads/ratio.c')} {program} && exec {program}"],
                    stdout=subprocess.DEVNULL)
    until(lambda: exe_is(process.pid, program))
    assert not program.exists()
    profile = Profile(record("-p", str(process.pid), "-s", "1", "-F", "999").path)
    flat = profile.flat()
    assert flat["alpha"] + flat["beta"] > 95, flat.most_common(5)


def test_a_program_in_a_root_of_its_own(workload, spawn, record, tmp_path):
    """Where the host has another file by that path."""
    root = tmp_path / "root"
    root.mkdir()
    shutil.copy(workload("workloads/ratio.c", "-static", variant="static"), root / "true")
    process = spawn(["chroot", root, "/true"], stdout=subprocess.DEVNULL)
    until(lambda: exe_is(process.pid, root / "true"))
    profile = Profile(record("-p", str(process.pid), "-s", "1", "-F", "999").path)
    flat = profile.flat()
    assert flat["alpha"] + flat["beta"] > 95, flat.most_common(5)


def test_a_process_of_a_pid_namespace_by_its_pid_outside(workload, spawn, record):
    program = workload("workloads/ratio.c")
    outer = spawn(["unshare", "-p", "-f", "--kill-child", program], stdout=subprocess.DEVNULL)
    pid = until(lambda: next((p for p in children(outer.pid) if exe_is(p, program)), None))
    profile = Profile(record("-p", str(pid), "-s", "1", "-F", "999", "--labels", "pid").path)
    assert set(profile.labels("pid")) == {str(pid)}
    flat = profile.flat()
    assert flat["alpha"] + flat["beta"] > 95, flat.most_common(5)


def test_an_exec_over_an_exec_keeps_each_images_names(workload, spawn, record):
    """Two programs take turns in one process, several times a second."""
    first, second = workload("workloads/brief.c"), workload("workloads/ratio.c")
    script = (f"while :; do {first}; timeout 0.05 {second} >/dev/null; done")
    spawn(["sh", "-c", script])
    profile = Profile(record("-a", "-s", "2", "-F", "999").path)
    for frames, _, labels in profile.stacks:
        for frame in frames:
            if frame.name == "brief_work":
                assert labels["comm"] == "brief"
            if frame.name in ("alpha", "beta") and frame.file == str(second):
                assert labels["comm"] in ("ratio", "timeout"), labels
