# SPDX-License-Identifier: Apache-2.0
"""What a user can get wrong, and processes that are not what one expects: what is said, with which
exit status, and that nothing is left behind.
"""
import ctypes
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

import pytest

from profiles import KERNEL_HALF, Profile
from service import run_cpu, until

PID_MAX = int(pathlib.Path("/proc/sys/kernel/pid_max").read_text())


@pytest.fixture
def try_record(cprofctl, tmp_path):
    """cprofctl record in a directory of its own; gives the finished process with what it left."""
    def run(*arguments, timeout=60, **more):
        directory = tmp_path / "out"
        directory.mkdir(exist_ok=True)
        start = time.monotonic()
        done = subprocess.run([cprofctl, "record", *map(str, arguments)], cwd=directory,
                              capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              timeout=timeout, check=False, **more)
        done.seconds = time.monotonic() - start
        done.files = sorted(os.listdir(directory))
        done.lines = [line for line in done.stderr.splitlines() if "private one" not in line]
        return done

    return run


def dead_pid():
    """A PID that nobody has: the highest ones are given out last."""
    pid = PID_MAX - 1
    while os.path.exists(f"/proc/{pid}"):
        pid -= 1
    return pid


# ---- who is meant -----------------------------------------------------------------------


def test_no_such_process(try_record):
    pid = dead_pid()
    done = try_record("-p", pid, "-s", "5")
    assert done.returncode == 3
    assert done.lines == [f"cprofctl: no process {pid}"]
    assert not done.files and done.seconds < 4


def test_one_of_several_does_not_exist(try_record):
    pid = dead_pid()
    done = try_record("-p", f"{os.getpid()},{pid}", "-s", "5")
    assert done.returncode == 3 and done.lines == [f"cprofctl: no process {pid}"]
    assert not done.files


def test_a_thread_is_no_process(try_record, workload, running):
    process = running([workload("workloads/threads.c")])
    tid = process.said[0].split()[1]
    done = try_record("-p", tid, "-s", "5")
    assert done.returncode == 3 and not done.files
    assert done.lines == [
        f"cprofctl: no process {tid}: it is a thread of process {process.pid}"]


def test_a_process_that_ends_meanwhile(workload, running, spawn, record):
    process = running([workload("workloads/ratio.c")])
    killer = spawn(["sh", "-c", f"sleep 2; kill -9 {process.pid}"])
    start = time.monotonic()
    recorded = record("-p", str(process.pid), "-s", "30", "-F", "999")
    assert time.monotonic() - start < 10 and killer.wait() == 0
    told = re.search(rf"process {process.pid} ended ([\d.]+) s into the recording",
                     recorded.stderr)
    assert told and 0.5 < float(told.group(1)) <= 2.1, recorded.stderr
    profile = Profile(recorded.path)
    assert profile.samples > 200
    assert profile.duration_ns / 1e9 == pytest.approx(float(told.group(1)), abs=0.06)
    assert f"pid {process.pid} comm ratio, ended in the window" in profile.comments
    # its names outlive it
    flat = profile.flat()
    assert flat["alpha"] + flat["beta"] > 95, flat.most_common(5)


def test_the_one_of_two_that_ends_is_told(workload, running, spawn, record):
    first, second = (running([workload("workloads/ratio.c")]) for _ in range(2))
    killer = spawn(["sh", "-c", f"sleep 1; kill -9 {first.pid}"])
    recorded = record("-p", f"{first.pid},{second.pid}", "-s", "3", "-F", "999", "--labels", "pid")
    assert killer.wait() == 0
    assert f"process {first.pid} ended" in recorded.stderr
    assert f"process {second.pid} ended" not in recorded.stderr
    profile = Profile(recorded.path)
    assert profile.duration_ns == pytest.approx(3e9, rel=0.02)
    assert set(profile.labels("pid")) == {str(first.pid), str(second.pid)}


def test_a_process_that_becomes_another_program_stays_the_same(workload, spawn, record):
    """exec keeps the PID: the samples of both images are the process's."""
    program = workload("workloads/ratio.c")
    process = spawn(["sh", "-c", f"end=$(($(date +%s) + 2)); while [ $(date +%s) -le $end ]; do"
                                 f" i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done; done;"
                                 f" exec {program} >/dev/null"])
    recorded = record("-p", str(process.pid), "-s", "5", "-F", "999")
    assert "ended" not in recorded.stderr
    files = Profile(recorded.path).files()
    assert files[str(program)] > 10, files
    assert any(os.path.basename(name) in ("dash", "bash", "sh") for name in files), files


# ---- nothing to see ---------------------------------------------------------------------


def assert_empty(recorded):
    """Valid (record() has checked that) and without samples; and it is said."""
    assert "no samples: the process used no CPU in that time" in recorded.stderr
    profile = Profile(recorded.path)
    assert profile.samples == 0 and profile.duration_ns > 0 and profile.period > 0
    assert "0 samples in this profile" in profile.comments


def test_an_idle_kernel_thread(record):
    assert_empty(record("-p", "2", "-s", "0.5"))


def test_an_idle_process(record, spawn):
    assert_empty(record("-p", str(spawn(["sleep", "100"]).pid), "-s", "0.5"))


def test_a_stopped_process(record, workload, running):
    process = running([workload("workloads/ratio.c")])
    process.send_signal(signal.SIGSTOP)
    assert_empty(record("-p", str(process.pid), "-s", "0.5"))


def test_a_zombie(record, spawn):
    process = spawn(["true"])
    until(lambda: ") Z " in pathlib.Path(f"/proc/{process.pid}/stat").read_text())
    assert_empty(record("-p", str(process.pid), "-s", "0.5"))


@pytest.fixture
def busy_kernel_thread():
    """ksmd, which looks for equal pages in our memory without a pause."""
    ksm = pathlib.Path("/sys/kernel/mm/ksm")
    pid = next((int(p) for p in os.listdir("/proc") if p.isdigit() and
                pathlib.Path(f"/proc/{p}/comm").read_text() == "ksmd\n"), None)
    if pid is None or not ksm.is_dir():
        pytest.skip("this kernel has no ksmd to keep busy")
    before = {name: (ksm / name).read_text() for name in
              ("run", "sleep_millisecs", "pages_to_scan")}
    libc = ctypes.CDLL(None, use_errno=True)
    libc.mmap.restype = ctypes.c_void_p
    size = 64 << 20
    memory = libc.mmap(None, ctypes.c_size_t(size), 3, 0x22, -1, ctypes.c_long(0))
    ctypes.memset(memory, 1, size)
    assert libc.madvise(ctypes.c_void_p(memory), ctypes.c_size_t(size), 12) == 0  # MERGEABLE
    try:
        (ksm / "sleep_millisecs").write_text("0")
        (ksm / "pages_to_scan").write_text("1000")
        (ksm / "run").write_text("1")
        run_cpu(pid, 0.1)
        yield pid
    finally:
        for name, value in before.items():
            (ksm / name).write_text(value)
        libc.munmap(ctypes.c_void_p(memory), ctypes.c_size_t(size))


def test_a_kernel_thread_that_works_has_kernel_frames_only(busy_kernel_thread, record):
    profile = Profile(record("-p", str(busy_kernel_thread), "-s", "2", "-F", "999").path)
    assert profile.samples > 100
    assert all(f.address >= KERNEL_HALF for frames, _, _ in profile.stacks for f in frames)
    assert profile.cum()["ksm_scan_thread"] > 95, profile.cum().most_common(5)
    assert f"pid {busy_kernel_thread} comm ksmd (kernel thread)" in profile.comments


# ---- names that are not text ------------------------------------------------------------


def test_a_name_of_control_bytes_reaches_no_terminal(spawn, record):
    """The kernel lets a thread call itself anything but NUL."""
    comm = b"\x1b[31m\xff\xfe\n\x01\x7f"
    process = spawn(["/usr/bin/python3", "-c",
                     "import ctypes, sys\n"
                     f"ctypes.CDLL(None).prctl(15, {comm!r}, 0, 0, 0)\n"
                     "print('ready', flush=True)\n"
                     "while True: pass\n"], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"ready\n"
    recorded = record("-p", str(process.pid), "-s", "1", "-F", "999", "--labels",
                      "comm,thread_name")
    profile = Profile(recorded.path)
    assert profile.samples > 50
    # labels are data: these bytes, repaired to UTF-8
    assert set(profile.labels("thread_name")) == {comm.decode(errors="replace")}
    said = [recorded.stderr, *profile.comments]
    for form in ("top", "folded"):
        said.append(record("-p", str(process.pid), "-s", "0.2", "--labels", "comm,thread_name",
                           "--format", form, name=form).path.read_text())
    for text in said:
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", text), repr(text)
    assert all("\n" not in text for text in profile.comments)


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_path_with_a_newline_and_bytes_that_are_not_utf8(workload, spawn, record, tmp_path, when):
    """Known from /proc/PID/maps, which escapes a newline, or from the side-band, which does not."""
    directory = tmp_path / os.fsdecode(b"line\nfeed \\012 \xff (deleted)")
    directory.mkdir()
    program = directory / "ratio"
    shutil.copy(workload("workloads/ratio.c"), program)
    delay = "sleep 1.5; " if when == "while" else ""
    process = spawn(["sh", "-c", delay + 'exec "$0"', program], stdout=subprocess.DEVNULL)
    if when == "before":
        until(lambda: os.readlink(f"/proc/{process.pid}/exe") == str(program))
    profile = Profile(record("-p", str(process.pid), "-s", "3", "-F", "999").path)
    flat = profile.flat()
    assert profile.samples > 100
    assert flat["alpha"] + flat["beta"] > 90, flat.most_common(5)


# ---- where it goes ----------------------------------------------------------------------


def test_an_unwritable_output_is_said_before_a_cprofd_is_started(cprofctl, tmp_path):
    """cprofctl starts the cprofd beside it: here one that leaves a mark."""
    shutil.copy(cprofctl, tmp_path / "cprofctl")
    fake = tmp_path / "cprofd"
    fake.write_text(f"#!/bin/sh\ntouch {tmp_path}/started\n")
    fake.chmod(0o755)

    def record_to(path):
        return subprocess.run([tmp_path / "cprofctl", "record", "-p", "1", "-o", path],
                              capture_output=True, text=True, timeout=20, check=False)

    for path in ("/nonexistent/p.pb.gz", "/proc/p.pb.gz", str(tmp_path)):
        done = record_to(path)
        assert done.returncode == 1 and path in done.stderr
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert not (tmp_path / "started").exists()
    assert record_to(tmp_path / "good.pb.gz").returncode == 1
    assert (tmp_path / "started").exists()


def test_a_full_disk_leaves_no_partial_file(cprofctl, tmp_path):
    """A disk of one page, which is taken, in a mount namespace of its own."""
    script = (f"mount -t tmpfs -o size=4k none {tmp_path} && cd {tmp_path} && echo full >full &&"
              f"{{ {cprofctl} record -a -s 1 -F 999; echo exit code $?; ls -A; }}")
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True,
                          timeout=60, check=True)
    assert done.stdout == "exit code 1\nfull\n", done.stdout + done.stderr
    assert "No space left on device" in done.stderr


def test_a_full_device_is_an_error(try_record):
    done = try_record("-p", os.getpid(), "-s", "0.2", "-o", "/dev/full")
    assert done.returncode == 1
    assert done.lines == ["cprofctl: cannot write /dev/full: No space left on device"]


# ---- what is asked ----------------------------------------------------------------------


@pytest.mark.parametrize("arguments, accepted", [
    (["-p", "1", "-F", "18"], "19 to 9999"),
    (["-p", "1", "-F", "10000"], "19 to 9999"),
    (["-p", "1", "-F", "fast"], "19 to 9999"),
    (["-p", "1", "-F", "99.5"], "19 to 9999"),
    (["-p", "1", "--format", "svg"], "pprof, folded"),
    (["-p", "1", "--labels", "tid,colour"], "thread_name, cpu, comm"),
    (["-p", "1", "--bogus"], "--bogus"),
    (["-p", "one"], "process IDs"),
    (["-p", "1", "-s", "-1"], "seconds"),
    (["-p", "1", "-s", "0"], "seconds"),
    (["-p", "1", "-a"], "-a"),
    ([], "-p"),
])
def test_wrong_usage_says_what_is_accepted(try_record, arguments, accepted):
    done = try_record(*arguments)
    assert done.returncode == 2 and accepted in done.stderr, done.stderr
    assert "private one" not in done.stderr and not done.files


def test_a_frequency_above_the_kernels_limit_names_the_sysctl(try_record, sysctl):
    sysctl("kernel.perf_event_max_sample_rate", 5000)
    done = try_record("-p", os.getpid(), "-s", "5", "-F", "9999")
    assert done.returncode == 2 and not done.files and done.seconds < 4
    assert len(done.lines) == 1
    assert "kernel.perf_event_max_sample_rate, which is 5000" in done.lines[0]
    assert "sysctl -w kernel.perf_event_max_sample_rate=9999" in done.lines[0]


# ---- what is missing --------------------------------------------------------------------

CAPABILITIES = ["bpf", "perfmon", "sys_ptrace", "dac_read_search", "checkpoint_restore",
                "sys_admin"]


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_a_missing_capability_is_one_line_with_the_remedy(try_record, cprofctl, capability):
    """As in a container whose root has been cut down."""
    done = subprocess.run(["setpriv", f"--bounding-set=-{capability}", cprofctl, "record", "-p",
                           str(os.getpid()), "-s", "5", "-o", "-"], capture_output=True,
                          timeout=20, check=False)
    lines = [line for line in done.stderr.decode().splitlines() if "private one" not in line]
    assert done.returncode == 1 and not done.stdout
    assert len(lines) == 1, lines
    assert f"CAP_{capability.upper()}" in lines[0]
    assert "start" in lines[0] and "as root, in a container with" in lines[0], lines
    others = {name for name in CAPABILITIES if f"CAP_{name.upper()} " in lines[0]}
    assert others == {capability}, lines


def test_hidden_kernel_addresses_are_shown_as_numbers(try_record, sysctl, spawn, record):
    """root reads zeros in /proc/kallsyms then."""
    process = spawn(["dd", "if=/dev/zero", "of=/dev/null", "bs=1M"], stderr=subprocess.DEVNULL)
    sysctl("kernel.kptr_restrict", 2)
    recorded = record("-p", str(process.pid), "-s", "2", "-F", "999")
    profile = Profile(recorded.path)
    kernel = [f for frames, _, _ in profile.stacks for f in frames if f.address >= KERNEL_HALF]
    assert profile.samples > 100 and profile.kernel() > 80
    assert all(f.name == f"0x{f.address:x}" for f in kernel), {f.name for f in kernel}
    assert any("kernel.kptr_restrict" in comment for comment in profile.comments)
    # and who called is still there
    assert any("dd" in f.file for frames, _, _ in profile.stacks for f in frames)
