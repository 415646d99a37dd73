# SPDX-License-Identifier: Apache-2.0
"""Totals against what others say of the same time: the kernel's own accounts, and a Go program's
profile of itself. Two recordings of half a minute, one of them for several
tests."""
import collections
import os
import re
import struct
import subprocess
import threading
import time
import types
import urllib.request

import pytest

from profiles import Profile

SECONDS = 30
PINNED_TO = 1


# ---- the kernel's accounts ---------------------------------------------------------------


def usage_at(log, when):
    """(user, system) seconds at a time between two entries of workloads/kernel.c's log."""
    for (before, *old), (after, *new) in zip(log, log[1:]):
        if before <= when <= after:
            part = (when - before) / (after - before)
            return [a + part * (b - a) for a, b in zip(old, new)]
    return pytest.fail(f"the log has nothing at {when}")


def read_log(path):
    data = path.read_bytes()
    return [struct.unpack_from("3d", data, at) for at in range(0, len(data) - 23, 24)]


def busy_seconds(cpu):
    """Of a CPU since boot: all but idle and waiting for a disk."""
    with open("/proc/stat") as stat:
        fields = next(line.split()[1:] for line in stat if line.startswith(f"cpu{cpu} "))
    return (sum(map(int, fields[:8])) - sum(map(int, fields[3:5]))) / os.sysconf("SC_CLK_TCK")


_pinned = {}  # what pinned_for_half_a_minute made


@pytest.fixture
def pinned_for_half_a_minute(workload, running, record, tmp_path):
    """A program that works in the kernel for three quarters of its time, pinned to one CPU:
    .profile, .user and .system seconds of CPU in the profile's window, and .part, what it had of
    the time for which its CPU was busy."""
    if not _pinned:
        log = tmp_path / "usage"
        process = running([workload("workloads/kernel.c"), log])
        time.sleep(0.1)
        before = time.time(), busy_seconds(PINNED_TO)
        recorded = record("-p", str(process.pid), "-F", "999", "-s", str(SECONDS))
        after = time.time(), busy_seconds(PINNED_TO)
        time.sleep(0.5)
        profile = Profile(recorded.path)
        entries = read_log(log)
        start, end = (usage_at(entries, ns / 1e9) for ns in
                      (profile.time_ns, profile.time_ns + profile.duration_ns))
        copy = tmp_path.parent / "pinned.pb.gz"
        copy.write_bytes(recorded.path.read_bytes())
        profile.path = copy
        user, system = end[0] - start[0], end[1] - start[1]
        busy = (after[1] - before[1]) / (after[0] - before[0]) * profile.duration_ns / 1e9
        _pinned.update(profile=profile, user=user, system=system,
                       part=min(1, (user + system) / busy))
    return types.SimpleNamespace(**_pinned)


def test_samples_and_late_ticks_are_the_cpu_time_within_2_percent(pinned_for_half_a_minute, note):
    """Alone on its CPU, all late ticks are the program's; where it is not, its part of them."""
    it = pinned_for_half_a_minute
    late = it.profile.late(PINNED_TO) * it.part
    sampled = (it.profile.samples + late) * it.profile.period / 1e9
    used = it.user + it.system
    note(f"{it.profile.samples} samples + {late:.0f} of {it.profile.late(PINNED_TO)} late "
         f"on CPU {PINNED_TO} = {sampled:.3f} s, "
         f"the kernel says {used:.3f} s ({100 * sampled / used - 100:+.2f} %)")
    assert it.profile.samples > 10_000
    assert sampled == pytest.approx(used, rel=0.02)


def test_pprof_shows_the_cpu_use_that_the_kernel_reports(pinned_for_half_a_minute, pprof, note):
    it = pinned_for_half_a_minute
    duration = it.profile.duration_ns / 1e9
    used = 100 * (it.user + it.system) / duration
    found = re.search(r"^Duration: ([\d.]+)s, Total samples = ([\d.]+)s \(\s*([\d.]+)%\)$",
                      pprof("-top", it.profile.path), re.MULTILINE)
    note(f"pprof: {found.group(0)}; the kernel: {used:.2f} %")
    assert float(found.group(1)) == pytest.approx(SECONDS, rel=0.01)
    assert float(found.group(3)) == pytest.approx(used, abs=2)


def test_the_kernel_has_the_share_that_rusage_gives_it(pinned_for_half_a_minute, note):
    """The kernel splits by what its own tick, 250 a second here, interrupts: 7500 of them and
    30 000 samples differ by 3 points less than once in 10 000 runs."""
    it = pinned_for_half_a_minute
    share, expected = it.profile.kernel(), 100 * it.system / (it.user + it.system)
    note(f"{it.profile.samples} samples, {share:.2f} % in the kernel, rusage: {expected:.2f} %")
    assert it.profile.samples > 10_000
    assert share == pytest.approx(expected, abs=3)
    assert 50 < share < 95, "the case is not what it should be"


def kernel_symbols():
    with open("/proc/kallsyms") as symbols:
        return {line.split()[2] for line in symbols}


def test_functions_of_the_kernel_have_their_names(pinned_for_half_a_minute):
    """What reads and writes through system calls passes through these."""
    profile = pinned_for_half_a_minute.profile
    cum = profile.cum()
    assert cum["do_syscall_64"] > 0.9 * profile.kernel(), cum.most_common(20)
    assert cum["vfs_read"] > 10, cum.most_common(20)
    assert cum["vfs_write"] > 2, cum.most_common(20)
    assert cum["read_zeros"] == pytest.approx(
        sum(n for frames, n, _ in profile.stacks if any(f.name == "read_zeros" for f in frames))
        / profile.samples * 100, abs=0.1)
    known = kernel_symbols()
    kernel = {f for frames, _, _ in profile.stacks for f in frames if f.file.startswith("[kernel")}
    assert {f.file for f in kernel} == {"[kernel.kallsyms]"}
    assert not {f.name for f in kernel} - known
    # system calls are made by these: kernel and user stacks belong together
    for frames, _, _ in profile.stacks:
        names = {f.name for f in frames}
        if "do_syscall_64" in names and "main" in names:
            assert names & {"read_zeros", "pass_through_pipe", "append_usage", "main"}


# ---- the oracle --------------------------------------------------------------------------


def fetch(address, seconds, path):
    url = f"http://{address}/debug/pprof/profile?seconds={seconds}"
    with urllib.request.urlopen(url, timeout=seconds + 30) as answer:
        path.write_bytes(answer.read())


def seconds_for(pid, samples):
    """How long it takes the process to burn so many ticks of 10 ms, by what it burns now."""
    def used():
        with open(f"/proc/{pid}/stat") as stat:
            return sum(map(int, stat.read().rsplit(")", 1)[1].split()[11:13])) / 100

    before = used()
    time.sleep(2)
    return min(120, round(samples / 100 / max(0.1, (used() - before) / 2)))


def user_shares(profile):
    """Flat and cumulative shares as Go itself tells them: without the kernel's frames, without
    the end of each goroutine's stack and without the mark of a calling convention."""
    stacks = profile.without_kernel()
    total = sum(count for _, count in stacks)
    flat, cum = collections.Counter(), collections.Counter()
    for frames, count in stacks:
        names = [f.name.removesuffix(".abi0") for f in frames]
        flat[names[0]] += 100 * count / total
        for name in set(names):
            if name != "runtime.goexit":
                cum[name] += 100 * count / total
    return flat, cum, total


def in_the_same_window(address, pid, seconds, record, directory):
    """Our profile of the process and its own of itself."""
    own_path = directory / "own.pb.gz"
    fetcher = threading.Thread(target=fetch, args=(address, seconds, own_path))
    fetcher.start()
    recorded = record("-p", str(pid), "-F", "999", "-s", str(seconds), timeout=300)
    fetcher.join()
    return Profile(recorded.path), Profile(own_path)


@pytest.mark.limit(600)
def test_a_go_programs_profile_of_itself_is_ours(workload, spawn, record, tmp_path, note):
    """Its functions that have 5 % or more, flat or cumulative, in either profile. Asynchronous
    preemption is off: where CPUs are short, its signal comes together with that of Go's profiler,
    which then finds a fifth of all samples in runtime.asyncPreempt."""
    process = spawn([workload("workloads/oracle.go")], stdout=subprocess.PIPE, text=True,
                    env=dict(os.environ, GODEBUG="asyncpreemptoff=1"))
    address = process.stdout.readline().strip()
    for _ in range(3):  # others may want the CPU too
        seconds = seconds_for(process.pid, 6500)
        ours, own = in_the_same_window(address, process.pid, seconds, record, tmp_path)
        if own.samples > 6100:
            break
    our_flat, our_cum, our_total = user_shares(ours)
    own_flat, own_cum, own_total = user_shares(own)
    note(f"{own_total} samples of its own, {our_total} of ours")
    assert own_total >= 6000 and our_total >= 10_000
    compared = 0
    for kind, a, b in (("flat", our_flat, own_flat), ("cum", our_cum, own_cum)):
        for name in sorted(set(a) | set(b)):
            if max(a[name], b[name]) >= 5:
                note(f"{name} {kind}: {a[name]:.2f} %, its own {b[name]:.2f} %")
                assert a[name] == pytest.approx(b[name], abs=3), (name, kind)
                compared += 1
    assert compared >= 8
