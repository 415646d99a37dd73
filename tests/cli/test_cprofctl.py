# SPDX-License-Identifier: Apache-2.0
"""cprofctl against servers of the tests' own."""
import errno
import fcntl
import gzip
import json
import os
import pty
import re
import shutil
import signal
import socket
import stat
import struct
import subprocess
import termios

import pytest

from wire import ROOT, Server, example_profile, pb, profile_pb

BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
CPROFCTL = os.path.join(BUILD, "bin", "cprofctl")
PROFILE = example_profile()
GIVE_UP_S = 60

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


def run(*args, cwd=None, **kwargs):
    kwargs.setdefault("stdin", subprocess.DEVNULL)
    kwargs.setdefault("stdout", subprocess.PIPE)
    return subprocess.run([CPROFCTL, *args], cwd=cwd, stderr=subprocess.PIPE, timeout=GIVE_UP_S,
                          check=False, **kwargs)


def ended(result):
    """Exit status and stderr, whose lines all bear the program's name."""
    text = result.stderr.decode()
    for line in text.splitlines():
        assert line.startswith("cprofctl: "), line
    return result.returncode, text


@pytest.fixture
def serve(tmp_path):
    """serve(script) -> path of a socket where script(connection) answers."""
    servers = []

    def start(script):
        server = Server(tmp_path / f"socket{len(servers)}", script)
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.finish()


@pytest.fixture
def out(tmp_path):
    """A directory of its own, to see what is left in it."""
    path = tmp_path / "out"
    path.mkdir()
    return path


def recording(data=PROFILE, **end):
    """A script that records well; it returns the Record that it was asked for."""

    def script(c):
        c.greet()
        record = c.receive().record
        c.send(started=pb.Started(hz=99))
        c.send(progress=pb.Progress(elapsed_ns=1_000_000_000, samples=2))
        c.profile(data, **end)
        return record

    return script


# ---- recording --------------------------------------------------------------------------


def test_a_recording_becomes_a_private_file_with_a_telling_name(serve, out):
    server = serve(recording(samples=4, late=7, lost=[pb.Count(name="ring_full", value=3),
                                                      pb.Count(name="no_memory", value=2)],
                             notes=["process 4242 ended after 1.5 s"]))
    status, text = ended(run("--socket", server.path, "record", "-p", "4242", cwd=out,
                             env={**os.environ, "TZ": "UTC"}))
    assert status == 0
    (name,) = os.listdir(out)
    assert re.fullmatch(r"cprofd\.4242\.\d{8}-\d{6}\.pb\.gz", name)
    assert (out / name).read_bytes() == PROFILE
    assert stat.S_IMODE(os.stat(out / name).st_mode) == 0o600
    assert text == (
        "cprofctl: process 4242 ended after 1.5 s\n"
        f"cprofctl: wrote {name}: 4 samples over 2.0 s (lost: 5 [ring_full 3, no_memory 2], "
        f"late: 7); open with: go tool pprof {name}\n")


def test_the_request_says_what_the_options_say(serve, out):
    server = serve(recording())
    assert run("record", "--socket", server.path, "-p", "1,22", "-s", "2.5", "-F", "49", "--labels",
               "tid,comm", "--no-symbols", cwd=out).returncode == 0
    assert server.finish() == pb.Record(pids=[1, 22], duration_ns=2_500_000_000, hz=49,
                                        labels=[pb.TID, pb.COMM], no_symbols=True)


def test_the_whole_host_by_default_is_thirty_seconds_at_the_daemons_frequency(serve, out):
    server = serve(recording())
    assert run("record", "--socket", server.path, "-a", cwd=out).returncode == 0
    assert server.finish() == pb.Record(all=True, duration_ns=30_000_000_000)
    assert os.listdir(out)[0].startswith("cprofd.all.")


def test_hello_names_the_version(serve, out):
    server = serve(lambda c: c.greet())
    run("record", "--socket", server.path, "-a", cwd=out)
    hello = server.finish()
    assert hello.version == 1
    assert hello.program == run("--version").stdout.decode().strip()


def test_a_profile_in_many_chunks_is_put_together(serve, out):
    data = os.urandom(600_000)
    server = serve(recording(data))
    assert run("record", "--socket", server.path, "-a", "-o", "x", cwd=out).returncode == 0
    assert (out / "x").read_bytes() == data


def test_stdout_carries_the_profile_and_nothing_else(serve, out):
    server = serve(recording(samples=4))
    result = run("record", "--socket", server.path, "-a", "-o", "-", cwd=out)
    assert result.stdout == PROFILE
    assert ended(result) == (0, "cprofctl: 4 samples over 2.0 s (lost: 0, late: 0)\n")
    assert os.listdir(out) == []


def test_folded_goes_to_stdout_unless_told_otherwise(serve, out):
    expected = b"main;rest 1\nmain;work 3\n"
    server = serve(recording())
    result = run("record", "--socket", server.path, "-a", "--format", "folded", cwd=out)
    assert (result.returncode, result.stdout, os.listdir(out)) == (0, expected, [])
    server = serve(recording())
    result = run("record", "--socket", server.path, "-a", "--format", "folded", "-o", "x", cwd=out)
    assert (result.returncode, result.stdout, (out / "x").read_bytes()) == (0, b"", expected)


def test_top_is_a_table_with_the_busiest_first(serve, out):
    server = serve(recording())
    result = run("record", "--socket", server.path, "-a", "--format", "top", cwd=out)
    assert result.returncode == 0
    rows = [line for line in result.stdout.decode().splitlines() if "%" in line]
    names = [next(w for w in ("work", "rest", "main") if w in row) for row in rows
             if any(w in row for w in ("work", "rest", "main"))]
    assert names == ["work", "rest", "main"]
    assert "75" in next(row for row in rows if "work" in row)


def test_a_profile_that_is_none_is_not_rendered(serve, out):
    server = serve(recording(b"this is not gzip"))
    result = run("record", "--socket", server.path, "-a", "--format", "top", "-o", "x", cwd=out)
    status, text = ended(result)
    assert status == 1
    assert "profile that can't be read" in text
    assert os.listdir(out) == []


def test_what_a_server_says_cannot_drive_the_terminal(serve, out):
    server = serve(recording(notes=["\x1b[2Jboo\n\u009b", "plain"],
                             lost=[pb.Count(name="\x1b]0;x\x07", value=1)]))
    status, text = ended(run("record", "--socket", server.path, "-a", cwd=out))
    assert status == 0
    assert "\x1b" not in text and "\x07" not in text and "\u009b" not in text
    assert "cprofctl: \\x1b[2Jboo\\x0a\\x9b\ncprofctl: plain\n" in text


def test_notes_are_bounded(serve, out):
    server = serve(recording(notes=[f"note {i}" for i in range(1000)]))
    status, text = ended(run("record", "--socket", server.path, "-a", cwd=out))
    assert status == 0
    assert len(text.splitlines()) == 102
    assert "and 900 notes more" in text


# ---- refusals ---------------------------------------------------------------------------

CODES = [
    (pb.ERROR_NONE, 1), (pb.VERSION_DIFFERS, 1), (pb.BAD_REQUEST, 2), (pb.NO_SUCH_PROCESS, 3),
    (pb.NOT_PERMITTED, 4), (pb.UNAVAILABLE, 1), (pb.LIMIT_REACHED, 1), (pb.INTERNAL, 1), (77, 1),
]


@pytest.mark.parametrize("when", ["hello", "record", "started", "chunk"])
@pytest.mark.parametrize("code,status", CODES)
def test_each_error_has_its_exit_status_and_leaves_no_file(serve, out, code, status, when):
    def script(c):
        if when != "hello":
            c.greet()
            c.receive()
        if when in ("started", "chunk"):
            c.send(started=pb.Started())
        if when == "chunk":
            c.send(chunk=pb.ProfileChunk(bytes=PROFILE))
        # an open enum in proto3: any number travels
        c.error(code, "no process 4242")

    server = serve(script)
    assert ended(run("record", "--socket", server.path, "-p", "4242", cwd=out)) == (
        status, "cprofctl: no process 4242\n")
    assert os.listdir(out) == []


def test_an_error_without_words_still_says_something(serve, out):
    server = serve(lambda c: (c.greet(), c.error(pb.INTERNAL, "")))
    status, text = ended(run("record", "--socket", server.path, "-a", cwd=out))
    assert status == 1 and len(text) > len("cprofctl: \n")


def test_a_server_of_another_version_is_told_apart(serve, out):
    server = serve(lambda c: c.send(hello=pb.Hello(version=2, program="cprofd 9")))
    status, text = ended(run("record", "--socket", server.path, "-a", cwd=out))
    assert status == 1
    assert "version 2" in text and "version 1" in text
    assert len(text.splitlines()) == 1


def test_a_server_that_refuses_our_version_is_quoted(serve, out):
    server = serve(lambda c: c.error(pb.VERSION_DIFFERS, "this cprofd speaks version 9"))
    assert ended(run("record", "--socket", server.path, "-a", cwd=out)) == (
        1, "cprofctl: this cprofd speaks version 9\n")


# ---- servers gone wrong -----------------------------------------------------------------


@pytest.mark.parametrize("until", ["accept", "hello", "record", "started", "half", "chunks"])
def test_a_server_that_vanishes_leaves_one_line_and_no_file(serve, out, until):
    def script(c):
        if until == "accept":
            return
        c.greet()
        if until == "hello":
            return
        c.receive()
        if until == "record":
            return
        c.send(started=pb.Started(hz=99))
        if until == "half":
            c.send_bytes(b"\xff\x00\x00\x00half")
        if until == "chunks":
            c.send(chunk=pb.ProfileChunk(bytes=PROFILE))

    server = serve(script)
    assert ended(run("record", "--socket", server.path, "-a", cwd=out)) == (
        1, "cprofctl: cprofd closed the connection\n")
    assert os.listdir(out) == []


def test_a_server_that_vanishes_after_the_end_does_no_harm(serve, out):
    server = serve(recording())  # its connection is closed right after RecordEnd
    assert run("record", "--socket", server.path, "-a", "-o", "x", cwd=out).returncode == 0
    assert (out / "x").read_bytes() == PROFILE


GARBAGE = {
    "oversize": b"\xff\xff\xff\xff",
    "just too long": struct.pack("<I", (4 << 20) + 1) + b"x" * 100,
    "text": b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "empty message": b"\0\0\0\0",
    "bad wire type": b"\x03\0\0\0\x07\x07\x07",
    "overlong field": b"\x02\0\0\0\x0a\x7f",
}


@pytest.mark.parametrize("when", ["hello", "started"])
@pytest.mark.parametrize("what", GARBAGE)
def test_garbage_is_one_line_and_no_file(serve, out, what, when):
    def script(c):
        if when == "started":
            c.greet()
            c.receive()
            c.send(started=pb.Started())
        c.send_bytes(GARBAGE[what])
        c.receive()  # keep the connection until the client leaves

    server = serve(script)
    assert ended(run("record", "--socket", server.path, "-a", cwd=out)) == (
        1, "cprofctl: what answers does not speak the protocol of cprofd\n")
    assert os.listdir(out) == []


OUT_OF_ORDER = {
    "hello twice": lambda c: c.send(hello=pb.Hello(version=1)),
    "status": lambda c: c.send(status=pb.Status()),
    "chunk before start": lambda c: c.send(chunk=pb.ProfileChunk(bytes=b"x")),
    "end before start": lambda c: c.send(end=pb.RecordEnd()),
    "start twice": lambda c: (c.send(started=pb.Started()), c.send(started=pb.Started())),
}


@pytest.mark.parametrize("what", OUT_OF_ORDER)
def test_messages_out_of_order_are_refused(serve, out, what):
    def script(c):
        c.greet()
        c.receive()
        OUT_OF_ORDER[what](c)
        c.receive()

    server = serve(script)
    assert ended(run("record", "--socket", server.path, "-a", cwd=out)) == (
        1, "cprofctl: cprofd sent something that does not belong here\n")
    assert os.listdir(out) == []


@pytest.mark.parametrize("claimed", [0, len(PROFILE) - 1, len(PROFILE) + 1, 2**64 - 1])
def test_a_profile_that_is_not_as_long_as_said_is_not_written(serve, out, claimed):
    server = serve(recording(profile_bytes=claimed))
    status, text = ended(run("record", "--socket", server.path, "-a", cwd=out))
    assert status == 1 and "incomplete" in text
    assert os.listdir(out) == []


def test_a_profile_of_no_bytes_is_not_written(serve, out):
    server = serve(recording(b""))
    status, text = ended(run("record", "--socket", server.path, "-a", cwd=out))
    assert status == 1 and "incomplete" in text
    assert os.listdir(out) == []


def test_a_profile_without_end_is_cut_off(serve, out):
    def script(c):
        c.greet()
        c.receive()
        c.send(started=pb.Started())
        chunk = b"z" * pb.MAX_CHUNK
        while True:
            c.send(chunk=pb.ProfileChunk(bytes=chunk))

    server = serve(script)
    status, text = ended(run("record", "--socket", server.path, "-a", cwd=out))
    assert status == 1 and "larger than 256 MiB" in text
    assert os.listdir(out) == []


# ---- outputs ----------------------------------------------------------------------------


@pytest.fixture
def unasked(tmp_path):
    """A socket that listens, and that nobody may have connected to in the end."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    path = tmp_path / "unasked"
    listener.bind(str(path))
    listener.listen(4)
    listener.setblocking(False)
    with listener:
        yield str(path)
        with pytest.raises(BlockingIOError):
            listener.accept()


@pytest.mark.parametrize("path", ["/nonexistent/x", "/tmp", "link", "/proc/x"])
def test_an_unwritable_output_is_said_before_sampling(unasked, out, path):
    os.symlink("target", out / "link")
    status, text = ended(run("record", "--socket", unasked, "-a", "-o", path, cwd=out))
    assert status == 1
    assert path in text and len(text.splitlines()) == 1
    assert os.listdir(out) == ["link"]


def test_a_full_device_fails(serve, out):
    server = serve(recording())
    status, text = ended(run("record", "--socket", server.path, "-a", "-o", "/dev/full", cwd=out))
    assert (status, text) == (1, "cprofctl: cannot write /dev/full: No space left on device\n")
    server = serve(recording())
    with open("/dev/full", "wb") as full:
        result = run("record", "--socket", server.path, "-a", "-o", "-", cwd=out, stdout=full)
    assert ended(result) == (1, "cprofctl: cannot write standard output: No space left on device\n")
    with open("/dev/full", "wb") as full:
        assert run("--help", stdout=full).returncode == 1


@needs_root
def test_a_full_disk_leaves_no_partial_file(serve, tmp_path, out):
    server = serve(recording(os.urandom(1_000_000)))
    script = (f"mount -t tmpfs -o size=64k none {out} && cd {out} && "
              f"{CPROFCTL} record --socket {server.path} -a -o x; echo status $?; ls -A")
    result = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True,
                            timeout=GIVE_UP_S, check=True)
    assert result.stdout == b"status 1\n"
    assert result.stderr == b"cprofctl: cannot write x: No space left on device\n"


def test_a_reader_that_leaves_is_an_error_not_a_signal(serve, out):
    server = serve(recording(os.urandom(1_000_000)))
    read_end, write_end = os.pipe()
    os.close(read_end)
    result = run("record", "--socket", server.path, "-a", "-o", "-", cwd=out, stdout=write_end)
    os.close(write_end)
    assert ended(result) == (1, "cprofctl: cannot write standard output: Broken pipe\n")


@pytest.mark.parametrize("closed", ["0>&-", "1>&-", "2>&-", "1>&- 2>&-", "0>&- 1>&- 2>&-"])
def test_a_closed_standard_descriptor_is_not_reused(serve, out, closed):
    server = serve(recording())
    result = subprocess.run(
        ["sh", "-c", f'exec "$0" "$@" {closed}', CPROFCTL, "record", "--socket", server.path, "-a",
         "-o", "x"], cwd=out, capture_output=True, timeout=GIVE_UP_S, check=False)
    assert result.returncode == 0
    assert (out / "x").read_bytes() == PROFILE


def test_a_closed_stdout_is_said_before_sampling(unasked, out):
    result = subprocess.run(
        ["sh", "-c", 'exec "$0" "$@" 1>&-', CPROFCTL, "record", "--socket", unasked, "-a", "-o", "-"],
        cwd=out, capture_output=True, timeout=GIVE_UP_S, check=False)
    assert ended(result) == (1, "cprofctl: cannot write standard output: Bad file descriptor\n")


@needs_root
def test_through_sudo_the_file_is_the_users(serve, out):
    server = serve(recording())
    env = {**os.environ, "SUDO_UID": "12345", "SUDO_GID": "54321"}
    assert run("record", "--socket", server.path, "-a", "-o", "x", cwd=out, env=env).returncode == 0
    st = os.stat(out / "x")
    assert (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) == (12345, 54321, 0o600)


# ---- usage ------------------------------------------------------------------------------

USAGE = [
    ([], "no command given"),
    (["-x"], "no option -x"),
    (["--socket"], "--socket needs a value"),
    (["frobnicate"], "no command frobnicate"),
    (["help", "frobnicate"], "no command frobnicate"),
    (["record"], "-p PID for a process, or -a"),
    (["record", "-a", "-p", "1"], "exclude each other"),
    (["record", "-p", "x"], "whole numbers above 0"),
    (["record", "-p", "0"], "whole numbers above 0"),
    (["record", "-p", ",".join(map(str, range(1, 258)))], "at most 256"),
    (["record", "-a", "-s", "0"], "at most 86400"),
    (["record", "-a", "-s", "86401"], "at most 86400"),
    (["record", "-a", "-F", "18"], "from 19 to 9999"),
    (["record", "-a", "-F", "10000"], "from 19 to 9999"),
    (["record", "-a", "--format", "svg"], "pprof, folded and top"),
    (["record", "-a", "--labels", "x"], "tid, thread_name, cpu, comm and pid"),
    (["record", "-a", "--frobnicate"], "no option --frobnicate"),
    (["record", "-a", "-o"], "-o needs a value"),
    (["record", "-a", "-o", ""], "-o needs a file name"),
    (["record", "-a", "extra"], "extra is not expected"),
    (["record", "-a", "-\x1b"], "\\x1b"),
    (["status", "extra"], "extra is not expected"),
    (["status", "-x"], "no option -x"),
    (["status", "--json=1"], "takes no value"),
]


@pytest.mark.parametrize("args,says", USAGE)
def test_wrong_usage_is_status_2_with_what_is_accepted(out, args, says):
    result = run(*args, cwd=out)
    status, text = ended(result)
    assert status == 2
    assert says in text
    assert len(text.splitlines()) == 1
    assert result.stdout == b""
    assert os.listdir(out) == []


@pytest.mark.parametrize("args", [["--help"], ["-h"], ["help"], ["help", "help"]])
def test_help_lists_the_commands(args):
    result = run(*args)
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"record" in result.stdout and b"status" in result.stdout


@pytest.mark.parametrize("command", ["record", "status"])
def test_help_is_the_same_however_it_is_asked_for(command):
    texts = {run(*args).stdout for args in
             ([command, "--help"], [command, "-h"], ["help", command])}
    assert len(texts) == 1
    assert texts.pop().startswith(f"usage: cprofctl {command} ".encode())


def test_version():
    result = run("--version")
    assert result.returncode == 0
    assert re.fullmatch(rb"cprofctl \d+\.\d+\.\d+\n", result.stdout)


# ---- reaching a cprofd ------------------------------------------------------------------


@pytest.mark.parametrize("command", [["record", "-a"], ["status"]])
def test_a_socket_that_nobody_answers_is_one_line(out, command):
    path = str(out / "socket")
    status, text = ended(run("--socket", path, *command, cwd=out))
    assert status == 1
    assert text == f"cprofctl: cannot reach a cprofd at {path}: No such file or directory\n"


def in_bare_run(command, uid=None, **kwargs):
    """Run where /run is empty, so that no cprofd of this machine is found."""
    inner = ["sh", "-c", 'mount -t tmpfs none /run && exec "$0" "$@"']
    if uid:
        inner += ["setpriv", "--reuid", str(uid), "--clear-groups", "--regid", str(uid)]
    return subprocess.run(["unshare", "-m", *inner, *command], stdin=subprocess.DEVNULL,
                          timeout=GIVE_UP_S, check=False, capture_output=True, **kwargs)


@pytest.fixture
def installed():
    """cprofctl where everybody may run it: install(script) puts a cprofd beside it."""
    path = subprocess.run(["mktemp", "-d", "/tmp/cprofctl-test.XXXXXX"], check=True,
                          capture_output=True).stdout.decode().strip()
    os.chmod(path, 0o755)
    os.mkdir(f"{path}/bin")
    shutil.copy(CPROFCTL, f"{path}/bin/cprofctl")

    def install(body, where="bin"):
        os.makedirs(f"{path}/{where}", exist_ok=True)
        with open(f"{path}/{where}/cprofd", "w", encoding="utf-8") as f:
            f.write(f"#!/usr/bin/python3\nimport os, signal, socket, sys, time\n"
                    f"sys.dont_write_bytecode = True\nsys.path.insert(0, {ROOT + '/tests/cli'!r})\n"
                    f"from wire import *\n{body}\n")
        os.chmod(f"{path}/{where}/cprofd", 0o755)
        return f"{path}/bin/cprofctl"

    yield install
    shutil.rmtree(path)


WELL = """
c = Connection(socket.socket(fileno=3))
c.greet()
c.receive()
c.send(started=pb.Started(hz=99))
fds = sorted(int(fd) for fd in os.listdir("/proc/self/fd"))
text = "%s, fds %s, leader %s" % (sys.argv[1:], [fd for fd in fds if os.path.exists("/proc/self/fd/%d" % fd)],
    os.getsid(0) == os.getpid())
print("noise on stdout", flush=True)
c.profile(example_profile(), notes=[text])
assert not c.sock.recv(1)
"""


@needs_root
@pytest.mark.parametrize("where", ["bin", "sbin", "libexec/cprofd", "lib/cprofd"])
def test_root_gets_a_private_cprofd(installed, out, where):
    program = installed(WELL, where)
    with open("/dev/null", "rb") as ours:  # something to inherit, which it must not
        result = in_bare_run([program, "record", "-p", "1", "-F", "49", "-o", "x"], cwd=out,
                             pass_fds=[ours.fileno()])
    text = result.stderr.decode()
    assert result.returncode == 0, text
    assert text.startswith(
        "cprofctl: no cprofd is running; sampling with a private one for this recording\n")
    assert "['--private', '--hz', '49'], fds [0, 1, 2, 3], leader True" in text
    assert result.stdout == b"" and "noise on stdout" in text
    assert (out / "x").read_bytes() == PROFILE


@needs_root
def test_a_private_cprofd_samples_at_99_hz(installed, out):
    program = installed(WELL)
    result = in_bare_run([program, "record", "-a", "-o", "x"], cwd=out)
    assert "['--private', '--hz', '99']" in result.stderr.decode()


DYING = {
    "before hello": ("", "os.kill(os.getpid(), 9)", "cprofd ended by signal 9"),
    "while recording": (
        "c = Connection(socket.socket(fileno=3)); c.greet(); c.receive(); "
        "c.send(started=pb.Started())", "os.kill(os.getpid(), 9)", "cprofd ended by signal 9"),
    "with a status": ("", "os._exit(7)", "cprofd ended with exit status 7"),
    "quietly": ("", "os._exit(0)", "cprofd closed the connection"),
}


@needs_root
@pytest.mark.parametrize("how", DYING)
def test_a_private_cprofd_that_dies_is_told_by_its_cause(installed, out, how):
    before, death, says = DYING[how]
    result = in_bare_run([installed(f"{before}\n{death}"), "record", "-a"], cwd=out)
    assert result.returncode == 1
    assert result.stderr.decode().splitlines()[1:] == [f"cprofctl: {says}"]
    assert os.listdir(out) == []


@needs_root
def test_a_private_cprofd_that_ends_badly_after_its_work_is_told_too(installed, out):
    program = installed(WELL + "os.kill(os.getpid(), 11)\n")
    result = in_bare_run([program, "record", "-a", "-o", "x"], cwd=out)
    assert result.returncode == 1
    assert result.stderr.decode().splitlines()[-1] == "cprofctl: cprofd ended by signal 11"
    assert (out / "x").read_bytes() == PROFILE


@needs_root
def test_an_error_of_a_private_cprofd_goes_before_how_it_ended(installed, out):
    body = ("c = Connection(socket.socket(fileno=3))\n"
            "c.error(pb.UNAVAILABLE, 'no BTF: use a kernel with CONFIG_DEBUG_INFO_BTF')\nos._exit(1)")
    result = in_bare_run([installed(body), "record", "-a"], cwd=out)
    assert result.returncode == 1
    assert result.stderr.decode().splitlines()[1:] == [
        "cprofctl: no BTF: use a kernel with CONFIG_DEBUG_INFO_BTF"]


@needs_root
def test_a_private_cprofd_is_never_looked_for_in_path(installed, tmp_path, out):
    program = installed(WELL, "elsewhere")
    path = os.path.join(os.path.dirname(os.path.dirname(program)), "elsewhere")
    env = {"PATH": f"{path}:/usr/bin:/usr/sbin:/bin:/sbin", "CPROFD": f"{path}/cprofd"}
    result = in_bare_run([program, "record", "-a"], cwd=out, env=env)
    assert result.returncode == 1
    assert "there is no cprofd beside" in result.stderr.decode()


@needs_root
def test_without_root_there_is_no_private_cprofd(installed, out):
    program = installed(WELL)
    result = in_bare_run([program, "record", "-a", "-o", "/dev/null"], uid=65534, cwd="/")
    assert result.returncode == 1
    assert result.stderr.decode() == (
        "cprofctl: no cprofd is running (tried /run/cprofd/control.sock); "
        "start one, or run this as root\n")


@needs_root
def test_status_never_starts_a_cprofd(installed, out):
    result = in_bare_run([installed(WELL), "status"], cwd=out)
    assert result.returncode == 1
    assert result.stderr.decode() == (
        "cprofctl: no cprofd is running (tried /run/cprofd/control.sock)\n")


@needs_root
def test_a_socket_that_is_not_ours_to_use_is_status_4(unasked, installed, tmp_path):
    os.chmod(unasked, 0o600)
    for directory in (tmp_path, tmp_path.parent, tmp_path.parent.parent):
        os.chmod(directory, 0o755)
    result = in_bare_run([installed(WELL), "--socket", unasked, "status"], uid=65534, cwd="/")
    assert result.returncode == 4
    assert b"Permission denied" in result.stderr


# ---- status -----------------------------------------------------------------------------

STATUS = dict(
    version="0.1.0", pid=77, hz=99, uptime_ns=93_784_000_000_000, seen=10, idle=3, stored=6,
    lost=[pb.Count(name="ring_full", value=4), pb.Count(name='we"ird\x1b', value=0)], pending=1,
    expected=11, late=2, self=5, sideband=[pb.Count(name="records", value=8)],
    memory=[pb.Count(name="store", value=2**64 - 1)], symbolizer=[pb.Count(name="restarts", value=0)],
    held=[pb.Count(name="stacks", value=12)], features="btf, \x1b[2J")


def status_server(c):
    c.greet()
    assert c.receive().WhichOneof("kind") == "status"
    c.send(status=pb.Status(**STATUS))


def test_status_as_json_has_everything(serve):
    result = run("status", "--json", "--socket", serve(status_server).path)
    assert (result.returncode, result.stderr) == (0, b"")
    assert b"\x1b" not in result.stdout
    counts = lambda key: {count.name: count.value for count in STATUS[key]}
    expected = {key: value for key, value in STATUS.items() if not isinstance(value, list)}
    for key in ("lost", "sideband", "memory", "symbolizer", "held"):
        expected[key] = counts(key)
    assert json.loads(result.stdout) == expected


def test_status_as_text_has_everything(serve):
    result = run("--socket", serve(status_server).path, "status")
    text = result.stdout.decode()
    assert (result.returncode, result.stderr) == (0, b"")
    assert text.startswith("cprofd 0.1.0, process 77, 99 Hz, up 1 d 2 h 3 min 4 s\n")
    assert "\x1b" not in text
    rows = dict(line.split() for line in text.splitlines() if re.fullmatch(r"  \S+ +\d+", line))
    assert rows["seen"] == "10" and rows["stored"] == "6" and rows["ring_full"] == "4"
    assert rows["idle"] == "3" and rows["expected"] == "11" and rows["late"] == "2"
    assert rows["records"] == "8" and rows["store"] == str(2**64 - 1) and rows["stacks"] == "12"


def test_status_that_is_none_fails(serve):
    server = serve(lambda c: (c.greet(), c.receive(), c.send(started=pb.Started())))
    status, _ = ended(run("--socket", server.path, "status"))
    assert status == 1


@pytest.mark.parametrize("code,status", CODES)
def test_status_passes_errors_on(serve, code, status):
    server = serve(lambda c: (c.greet(), c.receive(), c.error(code, "no")))
    assert ended(run("--socket", server.path, "status")) == (status, "cprofctl: no\n")


# ---- Ctrl-C -----------------------------------------------------------------------------


def start(server, out, *args):
    return subprocess.Popen([CPROFCTL, "record", "--socket", server.path, "-a", "-o", "x", *args],
                            cwd=out, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_early_and_still_writes(serve, out, number):
    holder = {}

    def script(c):
        c.greet()
        c.receive()
        c.send(started=pb.Started(hz=99))
        holder["process"].send_signal(number)
        assert c.receive().WhichOneof("kind") == "stop"
        c.profile(PROFILE, samples=4)

    server = serve(script)
    holder["process"] = start(server, out)
    _, text = holder["process"].communicate(timeout=GIVE_UP_S)
    assert holder["process"].returncode == 0, text
    assert b"wrote x: 4 samples" in text
    assert (out / "x").read_bytes() == PROFILE


def test_a_second_signal_gives_up(serve, out):
    holder = {}

    def script(c):
        c.greet()
        c.receive()
        c.send(started=pb.Started(hz=99))
        holder["process"].send_signal(signal.SIGINT)
        assert c.receive().WhichOneof("kind") == "stop"
        c.send(chunk=pb.ProfileChunk(bytes=PROFILE))
        holder["process"].send_signal(signal.SIGINT)
        with pytest.raises((EOFError, ConnectionResetError)):
            c.receive()

    server = serve(script)
    holder["process"] = start(server, out)
    _, text = holder["process"].communicate(timeout=GIVE_UP_S)
    assert holder["process"].returncode == 1
    assert text == b"cprofctl: given up; nothing was written\n"
    assert os.listdir(out) == []


def test_a_signal_before_the_server_answers_gives_up(serve, out):
    holder = {}

    def script(c):
        c.receive()
        holder["process"].send_signal(signal.SIGINT)
        with pytest.raises((EOFError, ConnectionResetError)):
            c.receive()

    server = serve(script)
    holder["process"] = start(server, out)
    _, text = holder["process"].communicate(timeout=GIVE_UP_S)
    assert (holder["process"].returncode, os.listdir(out)) == (1, [])
    assert text == b"cprofctl: given up; nothing was written\n"


def test_an_ignored_signal_stays_ignored(serve, out):
    holder = {}

    def script(c):
        c.greet()
        c.receive()
        c.send(started=pb.Started(hz=99))
        holder["process"].send_signal(signal.SIGHUP)
        holder["process"].send_signal(signal.SIGTERM)
        assert c.receive().WhichOneof("kind") == "stop"
        c.profile(PROFILE, samples=4)

    server = serve(script)
    holder["process"] = subprocess.Popen(
        ["nohup", CPROFCTL, "record", "--socket", server.path, "-a", "-o", "x"], cwd=out,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert holder["process"].wait(GIVE_UP_S) == 0  # two signals, but one counts
    holder["process"].communicate()
    assert (out / "x").read_bytes() == PROFILE


@needs_root
def test_ctrl_c_reaches_cprofctl_but_not_its_private_cprofd(installed, out):
    program = installed("""
c = Connection(socket.socket(fileno=3))
c.greet()
c.receive()
c.send(started=pb.Started(hz=99))
os.killpg(os.getpgid(os.getppid()), signal.SIGINT)
assert c.receive().WhichOneof("kind") == "stop"
c.profile(example_profile())
""")
    process = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", 'mount -t tmpfs none /run && exec "$0" "$@"', program, "record",
         "-a", "-o", "x"], cwd=out, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
        start_new_session=True)
    _, text = process.communicate(timeout=GIVE_UP_S)
    assert process.returncode == 0, text
    assert (out / "x").read_bytes() == PROFILE


# ---- terminals --------------------------------------------------------------------------


class Terminal:
    """Run cprofctl with a pty of `columns` as the given descriptors."""

    def __init__(self, columns, args, cwd, on=("stdout", "stderr")):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        modes = termios.tcgetattr(slave)
        modes[1] &= ~termios.OPOST
        termios.tcsetattr(slave, termios.TCSANOW, modes)
        streams = {name: slave if name in on else subprocess.PIPE for name in ("stdout", "stderr")}
        self.process = subprocess.Popen([CPROFCTL, *args], stdin=subprocess.DEVNULL, cwd=cwd, **streams)
        os.close(slave)

    def read(self):
        data = b""
        while True:
            try:
                more = os.read(self.master, 65536)
            except OSError as gone:
                assert gone.errno == errno.EIO
                more = b""
            if not more:
                break
            data += more
        self.others = self.process.communicate(timeout=GIVE_UP_S)
        os.close(self.master)
        return data.decode()


def slow_recording(c):
    c.greet()
    c.receive()
    c.send(started=pb.Started(hz=99))
    for i in (1, 2):
        c.send(progress=pb.Progress(elapsed_ns=i * 10**9, samples=10**9 * i, lost=10**8, late=10**8))
    c.profile(PROFILE, samples=4)


@pytest.mark.parametrize("columns", [80, 40, 2])
def test_progress_fits_the_terminal_and_is_wiped(serve, out, columns):
    server = serve(slow_recording)
    terminal = Terminal(columns, ["record", "--socket", server.path, "-a", "-o", "x"], out)
    text = terminal.read()
    assert terminal.process.returncode == 0
    progress, final = text.split("cprofctl: ", 1)
    shown = progress.split("\r")
    assert all(len(part) < columns for part in shown)
    assert "\n" not in progress and "\x1b" not in text
    lines = [part for part in shown if part.strip()]
    whole = ["0.0/30.0 s, 0 samples, 0 lost, 0 late",
             "1.0/30.0 s, 1000000000 samples, 100000000 lost, 100000000 late",
             "2.0/30.0 s, 2000000000 samples, 100000000 lost, 100000000 late"]
    assert lines == [line[:columns - 1] for line in whole]
    # the last thing before other text is a line of blanks over all that was shown
    assert shown[-1] == "" and shown[-2] == " " * len(lines[-1])
    assert final.startswith("wrote x: 4 samples")


def test_there_is_no_progress_where_there_is_no_terminal(serve, out):
    server = serve(slow_recording)
    _, text = ended(run("record", "--socket", server.path, "-a", "-o", "x", cwd=out))
    assert "\r" not in text and len(text.splitlines()) == 1


def test_no_binary_to_a_terminal(unasked, out):
    terminal = Terminal(80, ["record", "--socket", unasked, "-a", "-o", "-"], out, on=["stdout"])
    assert terminal.read() == ""
    assert terminal.process.returncode == 2
    assert b"binary" in terminal.others[1] and b"--format top" in terminal.others[1]


def long_profile():
    p = profile_pb.Profile()
    p.ParseFromString(gzip.decompress(PROFILE))
    p.string_table[6] = "a_function_with_" + "a_long_name_" * 20
    return gzip.compress(p.SerializeToString(), mtime=0)


@pytest.mark.parametrize("columns", [80, 40])
def test_top_is_cut_to_the_terminal(serve, out, columns):
    server = serve(recording(long_profile()))
    terminal = Terminal(columns, ["record", "--socket", server.path, "-a", "--format", "top"], out,
                        on=["stdout"])
    text = terminal.read()
    assert terminal.process.returncode == 0
    assert "a_function" in text or columns < 80
    assert all(len(line) <= columns for line in text.splitlines())


def test_top_is_not_cut_elsewhere(serve, out):
    server = serve(recording(long_profile()))
    result = run("record", "--socket", server.path, "-a", "--format", "top", cwd=out)
    assert b"a_function_with_" + b"a_long_name_" * 20 in result.stdout
