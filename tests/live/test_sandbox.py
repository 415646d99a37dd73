# SPDX-License-Identifier: Apache-2.0
"""What each process of a running cprofd may do, read off its /proc. What happens to one that tries
more is tested where the sandboxes are entered: test_opener_confined.c here, and
test_symbolizer_sandbox.c among the unit tests.
"""
import os
import pathlib
import re
import stat

import pytest

from service import child, children, daemon  # pylint: disable=unused-import
from service import descriptors, proc_status, until

# numbers of linux/capability.h
DAC_READ_SEARCH, SYS_PTRACE, SYS_ADMIN, PERFMON, BPF, CHECKPOINT_RESTORE = 2, 19, 21, 38, 39, 40


def capabilities(status, name):
    return {bit for bit in range(64) if int(status[name], 16) >> bit & 1}


def ids(status, name):
    return {int(word) for word in status[name].split()}


@pytest.fixture
def running_daemon(daemon, spawn):
    """With a symbolizer that has had work."""
    started = daemon()
    spawn(["sh", "-c", "while :; do :; done"])
    until(lambda: started.status()["symbolizer"]["objects"] > 1)
    return started


def test_cprofd_has_five_capabilities_and_is_not_root(running_daemon):
    status = proc_status(running_daemon.pid)
    five = {DAC_READ_SEARCH, SYS_PTRACE, PERFMON, BPF, CHECKPOINT_RESTORE}
    assert capabilities(status, "CapEff") == capabilities(status, "CapPrm") == five
    for name in ("CapInh", "CapBnd", "CapAmb"):
        assert not capabilities(status, name), name
    assert 0 not in ids(status, "Uid") | ids(status, "Gid")
    assert not status["Groups"].strip()
    assert status["NoNewPrivs"] == "1"


def test_cprofd_has_no_network(running_daemon):
    inodes = {m.group(1) for target in descriptors(running_daemon.pid).values()
              if (m := re.fullmatch(r"socket:\[(\d+)\]", target))}
    local = {line.split()[6] for line in
             pathlib.Path("/proc/net/unix").read_text().splitlines()[1:]}
    assert inodes and inodes <= local, inodes - local


def test_the_opener_has_one_capability_and_one_descriptor(running_daemon):
    pid = running_daemon.opener()
    status = proc_status(pid)
    assert capabilities(status, "CapEff") == capabilities(status, "CapPrm") == {SYS_ADMIN}
    for name in ("CapInh", "CapBnd", "CapAmb"):
        assert not capabilities(status, name), name
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    found = descriptors(pid)
    assert len(found) == 1 and found[3].startswith("socket:"), found


def test_the_symbolizer_has_nothing(running_daemon):
    pid = running_daemon.symbolizer()
    status = proc_status(pid)
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb", "CapBnd"):
        assert not capabilities(status, name), name
    assert status["NoNewPrivs"] == "1" and status["Seccomp"] == "2"
    assert 0 not in ids(status, "Uid") | ids(status, "Gid")
    assert not status["Groups"].strip()
    assert pathlib.Path(f"/proc/{pid}/environ").read_bytes() == b""
    assert os.readlink(f"/proc/{pid}/root") == "/" and os.readlink(f"/proc/{pid}/cwd") == "/"


def test_the_symbolizer_has_its_channel_and_files_to_read(running_daemon):
    pid = running_daemon.symbolizer()
    found = descriptors(pid)
    sockets = [fd for fd, target in found.items() if target.startswith("socket:")]
    assert sockets == [3], found
    for fd, target in found.items():
        if fd in sockets:
            continue
        mode = os.stat(f"/proc/{pid}/fd/{fd}").st_mode
        flags = re.search(r"^flags:\s+([0-7]+)$",
                          pathlib.Path(f"/proc/{pid}/fdinfo/{fd}").read_text(), re.MULTILINE)
        if target == "/dev/null":
            continue
        # a vDSO's copy is writable as far as the descriptor goes, but sealed
        read_only = int(flags.group(1), 8) & os.O_ACCMODE == os.O_RDONLY
        assert stat.S_ISREG(mode) and (read_only or "memfd:vdso" in target), (fd, target)


def test_there_are_three_processes_and_no_more(running_daemon):
    assert sorted(children(running_daemon.pid)) == sorted(
        [running_daemon.opener(), running_daemon.symbolizer()])
    for pid in children(running_daemon.pid):
        assert not children(pid)


def test_children_end_with_a_cprofd_that_is_killed(running_daemon):
    both = [running_daemon.opener(), running_daemon.symbolizer()]
    assert None not in both
    running_daemon.process.kill()
    running_daemon.process.wait()
    until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in both))


def test_a_cprofd_whose_opener_is_gone_samples_on(running_daemon):
    """It was needed to start; the events are open."""
    os.kill(running_daemon.opener(), 9)
    before = running_daemon.status()["seen"]
    until(lambda: running_daemon.status()["seen"] > before + 20)
    assert child(running_daemon.pid, "cprofd-symboliz")
