# SPDX-License-Identifier: Apache-2.0
"""The program cprofd-symbolizer, driven over its channel as cprofd drives it: as nobody."""
import os
import random
import re
import signal
import struct
import subprocess

import pytest

import symbolizer_accuracy
from symbolizer_client import NOBODY, TOP, Gone, Symbolizer, pb

PROGRAM = os.path.join(os.environ.get("CPROFD_BUILD") or TOP + "/build", "bin/cprofd-symbolizer")
LIBC = "/lib/%s-linux-gnu/libc.so.6" % os.uname().machine


@pytest.fixture
def started():
    s = Symbolizer(PROGRAM)
    yield s
    s.sock.close()


def exit_code(status):
    assert os.WIFEXITED(status), "killed by signal %d" % os.WTERMSIG(status)
    return os.WEXITSTATUS(status)


def test_it_ends_with_its_channel(started):
    assert exit_code(started.wait()) == 0


def test_another_version_is_told_ours():
    s = Symbolizer(PROGRAM, greet=False)
    assert s.hello(pb.VERSION + 1) == pb.VERSION
    with pytest.raises(Gone):
        s.receive()


@pytest.mark.parametrize("bytes_", [
    b"\xff\xff\xff\xff", struct.pack("<I", 1 << 20), b"\x02\x00\x00\x00\xff\xff", b"\0\0\0\0"])
def test_garbage_ends_it(started, bytes_):
    started.sock.sendall(bytes_)
    with pytest.raises((Gone, ConnectionResetError)):
        started.receive()
    assert exit_code(started.wait()) == 1


def test_too_many_addresses_end_it(started):
    started.add(LIBC)
    with pytest.raises((Gone, ConnectionResetError)):
        started.resolve(1, [0] * (pb.MAX_ADDRESSES + 1))
    assert exit_code(started.wait()) == 1


def test_an_unknown_object_ends_it(started):
    with pytest.raises((Gone, ConnectionResetError)):
        started.resolve(1, [0])
    assert exit_code(started.wait()) == 1


def test_two_descriptors_end_it(started):
    request = pb.Request()
    request.add.object = 1
    with open(LIBC, "rb") as f:
        started.send(request.SerializeToString(), [f.fileno(), f.fileno()])
    with pytest.raises((Gone, ConnectionResetError)):
        started.receive()
    assert exit_code(started.wait()) == 1


@pytest.mark.parametrize("uid,gid", [(0, 0), (NOBODY, 0), (0, NOBODY)])
def test_it_does_not_run_as_root(uid, gid):
    s = Symbolizer(PROGRAM, uid=uid, gid=gid, greet=False)
    assert exit_code(os.waitpid(s.pid, 0)[1]) == 70


def test_the_sandbox_is_real(started):
    started.add(LIBC)
    with open("/proc/%d/status" % started.pid) as f:
        status = dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert status["Uid"].split() == [str(NOBODY)] * 4
    assert status["Gid"].split() == [str(NOBODY)] * 4
    for caps in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[caps], 16) == 0
    open_files = {os.readlink("/proc/%d/fd/%s" % (started.pid, fd))
                  for fd in os.listdir("/proc/%d/fd" % started.pid)}
    assert {f.split(":")[0] for f in open_files} == {"socket", os.path.realpath(LIBC)}
    with open("/proc/%d/environ" % started.pid, "rb") as f:
        assert f.read() == b""
    with open("/proc/%d/limits" % started.pid) as f:
        limits = {m[1]: m[2] for m in re.finditer(r"^(Max [a-z ]+?) {2,}(\S+)", f.read(), re.M)}
    assert limits["Max core file size"] == limits["Max file size"] == limits["Max processes"] == "0"
    if "asan" not in subprocess.run(["ldd", PROGRAM], capture_output=True, text=True).stdout:
        assert limits["Max data size"] == str(320 << 20)
        assert limits["Max address space"] == str(8 << 30)


def test_build_ids_are_checked(started):
    out = subprocess.run(["readelf", "-nW", LIBC], capture_output=True, text=True, check=True).stdout
    build_id = bytes.fromhex(re.search("Build ID: ([0-9a-f]+)", out)[1])
    assert started.add(LIBC).build_id == build_id
    assert started.add(LIBC, build_id=build_id).reason == pb.REASON_NONE
    assert started.add(LIBC, build_id=build_id[::-1]).reason == pb.BUILD_ID_DIFFERS


def test_what_is_no_object_is_refused_by_name(started, tmp_path):
    (tmp_path / "text").write_text("#!/bin/sh\n" * 100)
    with open(LIBC, "rb") as f:
        (tmp_path / "cut").write_bytes(f.read(5000))
    os.mkfifo(tmp_path / "fifo")
    fifo = os.open(tmp_path / "fifo", os.O_RDONLY | os.O_NONBLOCK)
    assert started.add(str(tmp_path / "text")).reason == pb.NOT_ELF
    assert started.add(str(tmp_path / "cut")).reason == pb.MALFORMED
    assert started.add(fifo).reason == pb.UNREADABLE
    assert started.add("/dev/zero").reason == pb.NOT_ELF
    assert started.add(str(tmp_path)).reason == pb.UNREADABLE
    os.close(fifo)
    assert started.add(LIBC).reason == pb.REASON_NONE


@pytest.mark.parametrize("alias,shown", [
    ("__write", "write"), ("__libc_malloc", "malloc"), ("__select", "select"),
    ("__getpid", "getpid"), ("_IO_fopen", "fopen"), ("pthread_create", "pthread_create")])
def test_the_c_library_s_aliases(started, alias, shown):
    out = subprocess.run(["nm", "-D", LIBC], capture_output=True, text=True, check=True).stdout
    found = re.search(r"^([0-9a-f]+) [TtWwi] %s(@|$)" % alias, out, re.M)
    if not found:
        pytest.skip("no %s in this libc" % alias)
    started.add(LIBC)
    # Debian links its C library with file offsets equal to addresses in the text
    names = started.resolve(1, [int(found[1], 16)])
    assert names.functions[names.function[0] - 1].name == shown


def test_names_of_this_machine_s_libraries_are_true(started):
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    for path in (LIBC, "/usr/bin/python3", os.path.realpath(PROGRAM)):
        assert symbolizer_accuracy.check(started, path, 2000, random.Random(seed)) == 0


LAYOUT = r"""
__attribute__((noinline)) int middle(int x) { return x * 3; }
int main(int argc, char **argv) { (void)argv; return middle(argc); }
"""


@pytest.mark.parametrize("linker,flags", [
    ("bfd", ["-pie"]), ("bfd", ["-no-pie"]), ("bfd", ["-static-pie"]), ("gold", ["-pie"]),
    ("bfd", ["-pie", "-Wl,-z,noseparate-code"]), ("bfd", ["-no-pie", "-Wl,-Ttext-segment=0x10000000"]),
    ("bfd", ["-pie", "-Wl,-z,max-page-size=65536"]), ("lld", ["-pie"]), ("lld", ["-no-pie"])])
def test_every_link_layout(started, tmp_path, linker, flags):
    source, program = tmp_path / "a.c", str(tmp_path / "a")
    source.write_text(LAYOUT)
    made = subprocess.run(["clang" if linker == "lld" else "gcc", "-O1", "-fuse-ld=" + linker,
                           "-fPIE" if "-no-pie" not in flags else "-fno-pie", *flags,
                           "-o", program, str(source)], capture_output=True)
    if made.returncode:
        pytest.skip("cannot link so: %s" % made.stderr.decode()[-200:])
    # where the code is in the file is asked of its bytes, not of program headers
    text = subprocess.run(["objcopy", "-O", "binary", "-j", ".text", program, "/dev/stdout"],
                          capture_output=True, check=True).stdout
    with open(program, "rb") as f:
        offset = f.read().index(text)
    nm = subprocess.run(["nm", program], capture_output=True, text=True, check=True).stdout
    sections = symbolizer_accuracy.executable_sections(program)
    start = int(re.search(r"^([0-9a-f]+) T middle$", nm, re.M)[1], 16)
    text_at = next(s[0] for s in sections.values() if s[0] <= start < s[1])
    started.add(program)
    names = started.resolve(1, [offset + start - text_at])
    assert names.functions[names.function[0] - 1].name == "middle"
    assert names.functions[names.function[0] - 1].start == start


def test_kernel_functions_are_named_by_a_descriptor_that_it_could_not_open(started):
    with open("/proc/kallsyms") as f:
        lines = [line.split() for line in f]
    if not any(int(line[0], 16) for line in lines):
        pytest.skip("kptr_restrict hides addresses even from root")
    info = started.add("/proc/kallsyms", kind=pb.KALLSYMS)
    assert info.reason == pb.REASON_NONE
    assert info.ranges[0].name == "[kernel.kallsyms]"
    assert info.index_bytes <= 3_500_000
    # functions that have their address to themselves and are far from any padding
    addresses = {}
    for line in lines:
        addresses.setdefault(line[0], []).append(line)
    alone = [l[0] for l in addresses.values() if len(l) == 1 and l[0][1] in "tT" and len(l[0]) == 3
             and not l[0][2].startswith("__pfx_")
             and info.ranges[0].start <= int(l[0][0], 16) < info.ranges[0].limit]
    chosen = random.sample(alone, 2000)
    names = started.resolve(info.object, [int(l[0], 16) for l in chosen])
    for line, function in zip(chosen, names.function):
        assert names.functions[function - 1].system_name == line[2]


def test_the_vdso_is_an_object_like_others(started):
    with open("/proc/self/maps") as f:
        start, end = next(line for line in f if line.endswith("[vdso]\n")).split()[0].split("-")
    memfd = os.memfd_create("vdso")
    with open("/proc/self/mem", "rb") as f:
        f.seek(int(start, 16))
        os.write(memfd, f.read(int(end, 16) - int(start, 16)))
    nm = subprocess.run(["nm", "-D", "/proc/self/fd/%d" % memfd], capture_output=True, text=True,
                        check=True, pass_fds=[memfd]).stdout
    place = int(re.search(r"^([0-9a-f]+) [TW] __(vdso|kernel)_clock_gettime(@|$)", nm, re.M)[1], 16)
    started.add(memfd)
    os.close(memfd)
    names = started.resolve(1, [place])
    assert names.functions[names.function[0] - 1].name in ("clock_gettime", "__kernel_clock_gettime")


def test_a_thousand_objects_come_and_go(started):
    for round_ in range(10):
        for i in range(1, 101):
            assert started.add(LIBC, number=i).reason == pb.REASON_NONE
        for i in range(1, 101):
            started.drop(i)
    started.add(LIBC, number=1)
    assert len(os.listdir("/proc/%d/fd" % started.pid)) == 2
    with open("/proc/%d/maps" % started.pid) as f:
        assert len([l for l in f if "libc.so.6" in l]) < 20


def test_it_dies_with_its_parent():
    read, write = os.pipe()
    middle = os.fork()
    if middle == 0:
        s = Symbolizer(PROGRAM)
        os.write(write, b"%d" % s.pid)
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(middle, 0)
    pid = int(os.read(read, 32))
    for _ in range(100):
        try:
            with open("/proc/%d/stat" % pid) as f:
                if f.read().rsplit(")", 1)[1].split()[0] == "Z":
                    return
        except (FileNotFoundError, ProcessLookupError):
            return
        signal.sigtimedwait([], 0.05)
    pytest.fail("it still runs")
