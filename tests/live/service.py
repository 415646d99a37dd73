# SPDX-License-Identifier: Apache-2.0
"""A cprofd in the foreground, the processes of our build, and what they leave in the kernel.

    from service import daemon      # the fixture

daemon    daemon(*arguments, wrap=[...]) starts `cprofd --socket ... arguments` and waits until it
          listens; gives a Daemon
"""
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import time

import pytest

BPFTOOL = shutil.which("bpftool") or "/usr/sbin/bpftool"


def until(condition, seconds=10, every=0.02):
    """The first true value of condition(); a failure when there is none in time."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(every)


# ---- processes --------------------------------------------------------------------------


def proc_status(pid):
    lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def parent_of(pid):
    """None when it is gone."""
    try:
        return int(proc_status(pid)["PPid"])
    except (FileNotFoundError, ProcessLookupError, KeyError):
        return None


def pids():
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def children(pid):
    return [p for p in pids() if parent_of(p) == pid]


def child(pid, name):
    """The child whose name begins so; None when there is none (or it has not shed yet)."""
    for p in children(pid):
        try:
            status = proc_status(p)
        except (FileNotFoundError, ProcessLookupError):
            continue
        if status["Name"].startswith(name) and not status["State"].startswith("Z"):
            return p
    return None


def of_build(build):
    """{pid: name} of every process that runs a program of this build, zombies aside."""
    found = {}
    for pid in pids():
        try:
            exe = os.readlink(f"/proc/{pid}/exe")
            if exe.startswith(f"{build}/bin/"):
                found[pid] = proc_status(pid)["Name"]
        except OSError:
            pass
    return found


def descriptors(pid):
    """What the descriptors of a process lead to."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
        except FileNotFoundError:
            pass
    return found


def run_cpu(pid, seconds):
    """Wait until the process has used so much CPU since now."""
    def used():
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    goal = used() + seconds
    until(lambda: used() >= goal, 30)


# ---- the kernel's side ------------------------------------------------------------------


def bpf_objects():
    """{("prog" or "map", id)} of all that are loaded."""
    found = set()
    for kind in ("prog", "map"):
        out = subprocess.run([BPFTOOL, "-j", kind, "show"], capture_output=True, text=True,
                             check=True).stdout
        found |= {(kind, entry["id"]) for entry in json.loads(out or "[]")}
    return found


def perf_event_holders():
    """PIDs of all who have a perf event open."""
    found = set()
    for pid in pids():
        try:
            if "anon_inode:[perf_event]" in descriptors(pid).values():
                found.add(pid)
        except OSError:
            pass
    return found


# ---- the daemon -------------------------------------------------------------------------


class Daemon:
    """Attributes: process, pid, socket, directory, cprofctl."""

    def __init__(self, process, directory, cprofctl):
        self.process = process
        self.directory = directory
        self.socket = directory / "socket"
        self.log = directory / "log"
        self.cprofctl = cprofctl
        self.pid = process.pid

    def said(self):
        return self.log.read_text()

    def listens(self):
        assert self.process.poll() is None, f"cprofd ended: {self.said()}"
        return "listening on" in self.said()

    def argv(self, command, *arguments):
        return [str(word) for word in
                (self.cprofctl, "--socket", self.socket, command, *arguments)]

    def ctl(self, command, *arguments, **more):
        more.setdefault("timeout", 60)
        return subprocess.run(self.argv(command, *arguments), capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False, **more)

    def status(self):
        done = self.ctl("status", "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def symbolizer(self):
        return child(self.pid, "cprofd-symboliz")

    def opener(self):
        return child(self.pid, "cprofd-opener")

    def stop(self):
        """The exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(20)


@pytest.fixture
def daemon(cprofd, cprofctl, spawn):
    directories = []

    def start(*arguments, wrap=()):
        directory = pathlib.Path(tempfile.mkdtemp(prefix="cprofd-live-"))
        directories.append(directory)
        directory.chmod(0o755)  # clients that are not root have to get there
        with open(directory / "log", "wb") as log:
            process = spawn([*wrap, cprofd, "--socket", directory / "socket", *arguments],
                            stderr=log)
        started = Daemon(process, directory, cprofctl)
        until(started.listens, 20)
        return started

    yield start
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


def lost(status):
    return sum(status["lost"].values())


def imbalance(status):
    """What is missing from, or too much in, seen = stored + lost + pending."""
    return status["seen"] - status["stored"] - lost(status) - status["pending"]


def sample_count(stderr):
    """Of cprofctl's last line."""
    return int(re.search(r"(\d+) samples over ", stderr).group(1))
