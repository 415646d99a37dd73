# SPDX-License-Identifier: Apache-2.0
"""What options of record make of a profile."""
import contextlib
import pathlib
import re
import subprocess
import time

import pytest

import check_profile
from profiles import Profile

LOST = "[lost samples]"


def test_by_default_it_samples_at_99_hz_without_labels(workload, running, record):
    process = running([workload("workloads/ratio.c")])
    profile = Profile(record("-p", str(process.pid), "-s", "1.5").path)
    assert profile.period == 10 ** 9 // 99
    assert profile.duration_ns == pytest.approx(1.5e9, rel=0.02)
    assert profile.samples <= 1.5 * 99 + 3
    assert all(not labels for _, _, labels in profile.stacks)


def test_labels_say_process_and_cpu(workload, running, record):
    """The program pins itself to CPU 1. comm is the process's, not the thread's."""
    process = running([workload("workloads/threads.c")])
    profile = Profile(record("-p", str(process.pid), "-s", "1", "-F", "999",
                             "--labels", "cpu,comm,pid").path)
    assert profile.samples > 50
    for _, _, labels in profile.stacks:
        assert labels == {"cpu": "1", "comm": "threads", "pid": str(process.pid)}


def test_without_symbols_there_are_addresses_that_pprof_can_name(workload, running, record, pprof):
    program = workload("workloads/ratio.c")
    path = record("-p", str(running([program]).pid), "-s", "2", "-F", "999", "--no-symbols").path
    profile = Profile(path)
    assert not any(f.name for frames, _, _ in profile.stacks for f in frames)
    assert "alpha" not in profile.p.string_table
    assert "Showing nodes" in pprof("-symbolize=none", "-top", "-addresses", path)
    table = pprof("-symbolize=local", "-top", program, path)
    share = re.search(r"^ +\S+ +([\d.]+)% .* alpha$", table, re.MULTILINE)
    assert share, table
    assert float(share.group(1)) == pytest.approx(75, abs=6)


def test_several_processes_in_one_profile(workload, running, record):
    ratio = running([workload("workloads/ratio.c")])
    recursion = running([workload("workloads/recursion.c")])
    other = running([workload("workloads/hot.go")])
    profile = Profile(record("-p", f"{ratio.pid},{recursion.pid}", "-s", "2", "-F", "999",
                             "--labels", "pid").path)
    shares = profile.labels("pid")
    assert set(shares) == {str(ratio.pid), str(recursion.pid)} and other.poll() is None
    leaves = {label: set() for label in shares}
    for frames, count, labels in profile.stacks:
        if count > 20:
            leaves[labels["pid"]].add(frames[0].name)
    assert leaves == {str(ratio.pid): {"alpha", "beta"}, str(recursion.pid): {"bottom"}}


def descendants(pid):
    """Process IDs of all below, and the process itself."""
    found = {str(pid)}
    for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found |= descendants(child)
    return found


@pytest.fixture
def whole_host(cprofctl, spawn, tmp_path):
    """Records the whole host with a private cprofd; gives the profile and the process IDs of the
    recorder and all that it started."""
    def run(*options):
        path = tmp_path / "host.pb.gz"
        process = spawn([cprofctl, "record", "-a", "-s", "2", "-F", "999", "-o", path, *options],
                        stderr=subprocess.PIPE)
        own = set()
        while process.poll() is None:
            with contextlib.suppress(OSError):
                own |= descendants(process.pid)
            time.sleep(0.1)
        assert process.returncode == 0, process.stderr.read()
        assert len(own) >= 4, "cprofctl, cprofd, its opener and its symbolizer"
        return Profile(path), own

    return run


def test_the_whole_host_has_all_but_the_profiler(workload, running, whole_host):
    process = running([workload("workloads/ratio.c")])
    profile, own = whole_host()
    assert not check_profile.check(profile.path)
    ours = [labels for frames, _, labels in profile.stacks if frames[0].name != LOST]
    assert all(set(labels) == {"pid", "comm"} for labels in ours)
    assert {labels["comm"] for labels in ours if labels["pid"] == str(process.pid)} == {"ratio"}
    assert not own & {labels["pid"] for labels in ours if labels["comm"] != "cprofctl"}
    assert any(f.name == "alpha" for frames, _, _ in profile.stacks for f in frames)


def test_the_whole_host_with_the_profiler_itself(whole_host):
    profile, own = whole_host("--include-self")
    assert own & {labels.get("pid") for _, _, labels in profile.stacks}


def test_a_thread_is_no_process(workload, running, cprofctl, tmp_path):
    process = running([workload("workloads/threads.c")])
    tid = process.said[0].split()[1]
    done = subprocess.run([cprofctl, "record", "-p", tid, "-s", "1", "-o", tmp_path / "no.pb.gz"],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert f"no process {tid}: it is a thread of process {process.pid}" in done.stderr
    assert not list(tmp_path.glob("*"))
