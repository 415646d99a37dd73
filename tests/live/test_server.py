# SPDX-License-Identifier: Apache-2.0
"""A cprofd that serves: status, several clients, clients that speak wrongly, its socket."""
import importlib.util
import json
import os
import pathlib
import re
import socket
import struct
import subprocess
import time

import pytest

from profiles import Profile
from service import daemon  # pylint: disable=unused-import
from service import imbalance, sample_count, until


def _wire():
    """tests/cli/wire.py: the protocol by Google's protobuf."""
    path = pathlib.Path(__file__).resolve().parent.parent / "cli" / "wire.py"
    spec = importlib.util.spec_from_file_location("wire", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


wire = _wire()
pb = wire.pb


# ---- status -----------------------------------------------------------------------------

LOST = {"ring_full", "no_scratch", "foreign_ns", "malformed", "no_process", "no_room"}


def test_status_with_none_running_is_one_line(cprofctl, tmp_path):
    for arguments in (["status"], ["status", "--json"]):
        done = subprocess.run([cprofctl, "--socket", tmp_path / "none", *arguments],
                              capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 1 and not done.stdout
        assert done.stderr == (f"cprofctl: cannot reach a cprofd at {tmp_path}/none: "
                               "No such file or directory\n")


def test_status_as_json_has_every_figure(daemon, spawn):
    started = daemon("--hz", "199")
    spawn(["sh", "-c", "while :; do :; done"])
    until(lambda: started.status()["stored"] > 200)
    status = started.status()
    assert status["pid"] == started.pid and status["hz"] == 199
    assert status["uptime_ns"] > 1e8 and status["version"] and "task_btf" in status["features"]
    assert set(status["lost"]) == LOST and sum(status["lost"].values()) == 0
    assert status["seen"] > 0 and status["idle"] >= 0 and status["late"] >= 0
    assert status["expected"] > 100 and status["self"] < status["stored"]
    assert {"records", "lost", "dropped", "malformed", "out_of_order"} <= set(status["sideband"])
    assert status["sideband"]["records"] > 0 and status["sideband"]["malformed"] == 0
    assert {"store", "processes", "names", "symbolizer_index", "kernel_sampler",
            "kernel_sideband"} <= set(status["memory"])
    assert all(value > 0 for name, value in status["memory"].items() if name != "waiting")
    assert status["memory"]["store"] <= status["memory"]["store_budget"]
    assert status["held"]["samples"] <= status["stored"] and status["held"]["processes"] > 10
    assert imbalance(status) == 0


def test_status_as_text_says_the_same(daemon):
    started = daemon()
    time.sleep(0.5)
    text = started.ctl("status").stdout
    figures = dict(re.findall(r"^  (\w+) +(\d+)$", text, re.MULTILINE))
    assert f"process {started.pid}, 99 Hz" in text
    assert LOST | {"seen", "stored", "pending", "idle", "expected", "late", "self", "restarts",
                   "store", "records"} <= set(figures)
    assert max(len(line) for line in text.splitlines()) < 80


# ---- several clients --------------------------------------------------------------------


def test_two_recordings_of_one_process_are_both_whole(daemon, workload, running, spawn, tmp_path):
    started = daemon("--hz", "999")
    process = running([workload("workloads/ratio.c")])
    jobs = [spawn(started.argv("record", "-p", process.pid, "-s", seconds, "-o",
                               tmp_path / seconds), stderr=subprocess.PIPE, text=True)
            for seconds in ("3", "2")]
    said = [job.communicate(timeout=30)[1] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], said
    long, short = Profile(tmp_path / "3"), Profile(tmp_path / "2")
    assert long.samples == sample_count(said[0]) and short.samples == sample_count(said[1])
    assert long.duration_ns == pytest.approx(3e9, rel=0.02)
    assert short.duration_ns == pytest.approx(2e9, rel=0.02)
    # the shorter window lies in the longer: nothing of it is missing there
    assert 200 < short.samples < long.samples
    for profile in (long, short):
        flat = profile.flat()
        assert flat["alpha"] == pytest.approx(75, abs=8), flat.most_common(3)


def test_a_client_that_leaves_costs_the_others_nothing(daemon, workload, running, spawn, tmp_path):
    started = daemon()
    process = running([workload("workloads/ratio.c")])
    stays = spawn(started.argv("record", "-p", process.pid, "-s", "2", "-o", tmp_path / "p"))
    for _ in range(10):
        leaves = spawn(started.argv("record", "-a", "-s", "30", "-o", tmp_path / "none"))
        time.sleep(0.1)
        leaves.kill()
    assert stays.wait(20) == 0 and Profile(tmp_path / "p").samples > 20
    assert not (tmp_path / "none").exists()
    assert started.process.poll() is None


# ---- its socket -------------------------------------------------------------------------


def test_a_second_cprofd_on_the_socket_is_refused(daemon, cprofd):
    started = daemon()
    done = subprocess.run([cprofd, "--socket", started.socket], capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.returncode == 1 and len(done.stderr.splitlines()) == 1
    assert "already running on" in done.stderr
    assert started.ctl("status").returncode == 0


def test_a_stale_socket_is_replaced_but_nothing_else(daemon, cprofd, spawn, tmp_path):
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(path))
    with open(tmp_path / "log", "wb") as log:
        spawn([cprofd, "--socket", path], stderr=log)
    until(lambda: "listening" in (tmp_path / "log").read_text())
    precious = tmp_path / "precious"
    precious.write_text("precious")
    done = subprocess.run([cprofd, "--socket", precious], capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.returncode == 1 and "is not a socket" in done.stderr
    assert precious.read_text() == "precious"


def test_it_ends_when_told_to(daemon):
    assert daemon().stop() == 0


# ---- clients that speak wrongly ---------------------------------------------------------


def connect(started):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(str(started.socket))
    return sock


def receive(sock):
    """A ServerMessage, or None when there is no more."""
    def exactly(n):
        data = b""
        while len(data) < n:
            more = sock.recv(n - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    try:
        message = pb.ServerMessage()
        message.ParseFromString(exactly(struct.unpack("<I", exactly(4))[0]))
        return message
    except (EOFError, ConnectionResetError):
        return None


def test_a_client_of_another_version_is_told_so(daemon):
    started = daemon()
    with connect(started) as sock:
        sock.sendall(wire.frame(pb.ClientMessage(hello=pb.Hello(version=pb.VERSION + 1))))
        answer = receive(sock)
        assert answer.error.code == pb.VERSION_DIFFERS
        assert f"version {pb.VERSION}" in answer.error.text
        assert "use the cprofctl that came with it" in answer.error.text
        assert receive(sock) is None


GARBAGE = [b"\xff" * 64, struct.pack("<I", 0), struct.pack("<I", 1 << 30),
           struct.pack("<I", 5) + b"\xff" * 5, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
           wire.frame(pb.ClientMessage(status=pb.StatusRequest())), os.urandom(1 << 16)]


def test_garbage_is_dropped_and_others_are_unharmed(daemon, workload, running, spawn, tmp_path):
    started = daemon()
    process = running([workload("workloads/ratio.c")])
    job = spawn(started.argv("record", "-p", process.pid, "-s", "3", "-o", tmp_path / "p"))
    for garbage in GARBAGE:
        with connect(started) as sock:
            try:
                sock.sendall(garbage)
            except (BrokenPipeError, ConnectionResetError):
                pass
            answer = receive(sock)
            assert answer is None or answer.error.code == pb.BAD_REQUEST, answer
            if answer is not None:
                assert receive(sock) is None
    # one that says nothing, one that never reads, one that says half a message
    idle = [connect(started) for _ in range(3)]
    idle[1].sendall(wire.frame(pb.ClientMessage(hello=pb.Hello(version=pb.VERSION))) +
                    20 * wire.frame(pb.ClientMessage(status=pb.StatusRequest())))
    idle[2].sendall(struct.pack("<I", 100) + b"half")
    assert started.ctl("status").returncode == 0
    assert job.wait(20) == 0 and Profile(tmp_path / "p").samples > 50
    for sock in idle:
        sock.close()


def test_requests_that_make_no_sense_are_answered(daemon):
    started = daemon()
    for record in (pb.Record(), pb.Record(all=True, pids=[1], duration_ns=1),
                   pb.Record(all=True), pb.Record(all=True, duration_ns=25 * 3600 * 10 ** 9),
                   pb.Record(pids=range(1, 258), duration_ns=1),
                   pb.Record(all=True, duration_ns=1, labels=[99]),
                   pb.Record(all=True, duration_ns=1, hz=98)):
        with connect(started) as sock:
            sock.sendall(wire.frame(pb.ClientMessage(hello=pb.Hello(version=pb.VERSION))))
            assert receive(sock).hello.version == pb.VERSION
            sock.sendall(wire.frame(pb.ClientMessage(record=record)))
            assert receive(sock).error.code == pb.BAD_REQUEST, record
    assert started.ctl("status").returncode == 0


def test_another_frequency_than_the_daemons_is_refused_with_its_own(daemon, tmp_path):
    done = daemon("--hz", "199").ctl("record", "-a", "-s", "1", "-F", "99", "-o", tmp_path / "p")
    assert done.returncode == 2 and "199 Hz" in done.stderr
    assert not (tmp_path / "p").exists()


def as_nobody(started, build, *command):
    """A copy of cprofctl, which others may run."""
    program = started.directory / "cprofctl"
    if not program.exists():
        program.write_bytes((build / "bin/cprofctl").read_bytes())
        program.chmod(0o755)
    return subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                           program, "--socket", started.socket, *command], capture_output=True,
                          text=True, timeout=20, check=False, stdin=subprocess.DEVNULL)


@pytest.mark.parametrize("command", [["record", "-a", "-s", "1", "-o", "-"],
                                     ["record", "-p", "1", "-o", "-"], ["status"]])
def test_who_is_not_root_is_refused_plainly(daemon, build, command):
    started = daemon()
    done = as_nobody(started, build, *command)
    assert done.returncode == 4 and not done.stdout
    assert done.stderr == f"cprofctl: cannot reach a cprofd at {started.socket}: Permission denied\n"
    # the socket's mode is not all that keeps others out
    started.socket.chmod(0o666)
    done = as_nobody(started, build, *command)
    assert done.returncode == 4 and not done.stdout
    assert done.stderr == "cprofctl: only root may profile here\n"


def test_more_clients_than_there_is_room_for(daemon):
    started = daemon()
    many = []
    for _ in range(200):
        try:
            many.append(connect(started))
        except BlockingIOError:  # more at once than the kernel queues
            time.sleep(0.01)
    time.sleep(0.2)
    for sock in many:
        sock.close()
    until(lambda: started.ctl("status").returncode == 0)
    status = json.loads(started.ctl("status", "--json").stdout)
    assert status["pid"] == started.pid
    assert status["held"]["clients_refused"] > 0 and status["held"]["clients"] == 1, status
