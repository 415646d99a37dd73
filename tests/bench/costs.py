# SPDX-License-Identifier: Apache-2.0
"""What sampling costs: in the kernel, in user space, and in the parts alone."""

import json
import subprocess
import time

from host import BUILD, CROWD, CannotRun, Daemon, Load, Perf, busy_ns
from table import Figure

SETTLE_S = 6  # until what starting costs is over: indexes built, perf's own look at /proc done
WINDOW_S = {99: 30, 999: 20}


def bench(name, *arguments):
    """What a program of tests/bench prints: a JSON object in each line."""
    path = BUILD / "tests" / "bench" / f"bench_{name}"
    try:
        done = subprocess.run([path, "-j", *arguments], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False)
    except OSError as error:
        raise CannotRun(f"{path}: {error.strerror}: make benches") from error
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode != 0 or not lines:
        raise CannotRun(f"{path.name}: {(done.stdout + done.stderr).strip()}")
    return lines


def kernel():
    """Time that a tick's program takes, beside one that counts under stack ids, as bcc's do.
    The kernel measures it, by statistics that are on only while the program runs."""
    for row in bench("sampler_kernelcost", "-r", "7", "-s", "0.7"):
        yield Figure(f"kernel, per sample, {row['depth']} frames, {row['hz']} Hz", row["ns"], "ns",
                     peer="stack id + count", peers=row["stackid_ns"], ratio_budget=row["limit"])


def store():
    """CPU time of store_add()."""
    for row in bench("store_cost"):
        yield Figure(f"store, {row['what']}", row["value"], row["unit"])


def encode():
    """A large profile, in memory."""
    rows = bench("pprof_encode")
    for what in ("build", "encode"):
        yield Figure(f"pprof, {what} {rows[0]['samples']} samples x {rows[0]['frames']} frames",
                     min(row[what + "_ms"] for row in rows), "ms")


def window(daemon, perf, seconds):
    """CPU time of our processes and of perf, the time, samples stored, and how busy it was."""
    before, busy, start = daemon.status(), busy_ns(), time.monotonic_ns()
    ours, its = daemon.cpu_ns(), perf.cpu_ns()
    time.sleep(seconds)
    used = {pid: now - ours.get(pid, 0) for pid, now in daemon.cpu_ns().items()}
    its = perf.cpu_ns() - its
    took, busy = time.monotonic_ns() - start, busy_ns() - busy
    after = daemon.status()
    if after["symbolizer"]["restarts"] != before["symbolizer"]["restarts"]:
        raise CannotRun("the symbolizer was restarted meanwhile")
    return used, its, took, after["stored"] - before["stored"], busy / took


def user_space(hz):
    """All that cprofd, its opener and its symbolizer use, side-band and new files included.
    perf counts the same ticks at the same time; it takes them to its file and looks at none."""
    with Load(), Daemon(hz) as daemon, Perf(hz) as perf:
        time.sleep(SETTLE_S)
        used, its, took, stored, busy = window(daemon, perf, WINDOW_S[hz])
    ours, drain = sum(used.values()), used[daemon.process.pid]
    told = f"{hz} Hz, {busy:.1f} CPUs busy, {CROWD} processes"
    yield Figure(f"user space, {told}", 100 * ours / took, "% of a CPU",
                 budget=0.1 if hz == 99 else None, peer="perf record -g -a",
                 peers=100 * its / took)
    yield Figure(f"  per sample, all, of {stored}", ours / stored / 1000, "us",
                 peer="perf record -g -a", peers=its / stored / 1000)
    yield Figure(f"  per sample, cprofd alone, {hz} Hz", drain / stored / 1000, "us",
                 budget=1.5 if hz == 999 else None)


def user_99():
    return user_space(99)


def user_999():
    return user_space(999)
