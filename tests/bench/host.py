# SPDX-License-Identifier: Apache-2.0
"""What the benches share: programs to start, the machine they run on, what a process costs.

Daemon(hz)       a cprofd in the foreground with a socket of its own; a context manager
Load()           burners on every CPU and a crowd of processes; a context manager
Perf(hz)         perf record -g -a beside it; a context manager
cpu_ns(pid)      CPU time of a process so far, to the nanosecond

Daemon and load have sessions of their own, as on any host: the scheduler shares CPUs out among
sessions first.
"""

import atexit
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("CPROFD_BUILD") or ROOT / "build").resolve()
SCRATCH = pathlib.Path(tempfile.mkdtemp(prefix="cprofd-bench-"))
CROWD = 300
RUN_LIMIT_S = 60

atexit.register(shutil.rmtree, SCRATCH, ignore_errors=True)


class CannotRun(Exception):
    """A bench lacks what it needs."""


def program(name):
    path = BUILD / "bin" / name
    if not os.access(path, os.X_OK):
        raise CannotRun(f"{path} is not built: make")
    return str(path)


def run(argv):
    """Run to the end, which must be a good one; gives what it printed."""
    try:
        done = subprocess.run([str(word) for word in argv], capture_output=True, text=True,
                              stdin=subprocess.DEVNULL, check=False, timeout=RUN_LIMIT_S)
    except subprocess.TimeoutExpired as reason:
        raise CannotRun(f"{argv[0]}: not done after {RUN_LIMIT_S} s") from reason
    if done.returncode != 0:
        raise CannotRun(f"{argv[0]}: exit code {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def cpu_ns(pid):
    """clock_getcpuclockid(3), which Python lacks: the clock of all threads, dead ones too."""
    try:
        return int(time.clock_gettime(~pid << 3 | 2) * 1e9)
    except OSError as error:
        raise CannotRun(f"process {pid} is gone") from error


def busy_ns():
    """Busy time of all CPUs since boot."""
    with open("/proc/stat") as stat:
        fields = [int(field) for field in stat.readline().split()[1:]]
    return (sum(fields[:8]) - fields[3] - fields[4]) * 10**9 // os.sysconf("SC_CLK_TCK")


def children(pid):
    return [int(child) for child in
            pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def end(process, by=signal.SIGTERM):
    if process.poll() is None:
        process.send_signal(by)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Daemon:
    def __init__(self, hz):
        self.hz = hz
        self.socket = SCRATCH / f"{hz}.sock"
        self.errors = SCRATCH / f"cprofd-{hz}.err"

    def __enter__(self):
        self.socket.unlink(missing_ok=True)
        with open(self.errors, "w") as errors:
            self.process = subprocess.Popen(
                [program("cprofd"), "--socket", self.socket, "--hz", str(self.hz)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                start_new_session=True)
        for _ in range(400):
            if "listening" in self.errors.read_text():
                return self
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        end(self.process)
        raise CannotRun(f"cprofd does not start: {self.errors.read_text().strip()}")

    def __exit__(self, *_):
        end(self.process)

    def pids(self):
        """cprofd, its opener and its symbolizer."""
        return [self.process.pid, *children(self.process.pid)]

    def cpu_ns(self):
        return {pid: cpu_ns(pid) for pid in self.pids()}

    def status(self):
        return json.loads(run([program("cprofctl"), "--socket", self.socket, "status", "--json"]))

    def record(self, *arguments):
        path = SCRATCH / "recording.pb.gz"
        run([program("cprofctl"), "--socket", self.socket, "record", "-o", path, *arguments])
        return path


class Load:
    def __enter__(self):
        self.processes = []
        binary = SCRATCH / "load"
        run([os.environ.get("CC", "gcc"), "-std=gnu17", "-D_GNU_SOURCE", "-O1",
             "-fno-omit-frame-pointer", f"-I{ROOT}/tests", "-o", binary,
             ROOT / "tests/bench/load.c"])
        for arguments in [("burn", cpu) for cpu in os.sched_getaffinity(0)] + [("crowd", CROWD)]:
            process = subprocess.Popen([binary, *map(str, arguments)], stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, start_new_session=True)
            self.processes.append(process)
            if process.stdout.readline() != b"ready\n":
                self.__exit__()
                raise CannotRun(f"load {arguments} does not start")
        return self

    def burner(self):
        """The PID of one busy process."""
        return children(self.processes[0].pid)[0]

    def __exit__(self, *_):
        for process in self.processes:
            process.stdin.close()
            end(process)
            process.stdout.close()


class Perf:
    """None of it is measured before its start-up is through: see costs.py."""

    def __init__(self, hz):
        self.hz = hz

    def __enter__(self):
        path = shutil.which("perf") or shutil.which("perf", path="/usr/sbin:/usr/bin")
        if not path:
            raise CannotRun("there is no perf (package linux-perf)")
        self.process = subprocess.Popen(
            [path, "record", "-q", "-F", str(self.hz), "-g", "-a", "-o", SCRATCH / "perf.data"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return self

    def cpu_ns(self):
        return cpu_ns(self.process.pid)

    def __exit__(self, *_):
        end(self.process, by=signal.SIGINT)
