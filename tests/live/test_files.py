# SPDX-License-Identifier: Apache-2.0
"""What becomes of the files under a running process, and files that are no objects at all: the
names are those of what is mapped, and a file that makes no sense costs its own names only.
"""
import os
import platform
import random
import shutil
import time

import pytest

import check_profile
from profiles import Profile
from service import daemon  # pylint: disable=unused-import


def named(profile, *names):
    flat = profile.flat()
    return sum(flat[name] for name in names)


@pytest.fixture
def own_ratio(workload, tmp_path):
    """A copy that may be spoilt."""
    return shutil.copy(workload("workloads/ratio.c"), tmp_path / "ratio")


# ---- replaced, deleted ------------------------------------------------------------------


def test_a_program_that_was_replaced_shows_its_old_names(workload, running, record, own_ratio):
    process = running([own_ratio])
    other = shutil.copy(workload("workloads/recursion.c"), f"{own_ratio}.new")
    os.rename(other, own_ratio)
    profile = Profile(record("-p", str(process.pid), "-s", "1", "-F", "999").path)
    assert named(profile, "alpha", "beta") > 95, profile.flat().most_common(5)


def test_a_program_that_is_replaced_while_recording(workload, running, spawn, record, own_ratio):
    process = running([own_ratio])
    other = shutil.copy(workload("workloads/recursion.c"), f"{own_ratio}.new")
    mover = spawn(["sh", "-c", f"sleep 1; mv {other} {own_ratio}"])
    profile = Profile(record("-p", str(process.pid), "-s", "2", "-F", "999").path)
    assert mover.wait() == 0
    assert named(profile, "alpha", "beta") > 95, profile.flat().most_common(5)


def test_a_program_that_was_deleted(running, record, own_ratio):
    process = running([own_ratio])
    os.unlink(own_ratio)
    profile = Profile(record("-p", str(process.pid), "-s", "1", "-F", "999").path)
    assert named(profile, "alpha", "beta") > 95, profile.flat().most_common(5)
    assert profile.mappings[0] == str(own_ratio)


def test_a_library_that_is_deleted_after_it_was_loaded(workload, running, spawn, record, tmp_path):
    plugin = shutil.copy(workload("workloads/plugin.c", "-shared", "-fPIC"), tmp_path / "plugin.so")
    process = running([workload("workloads/host.c"), plugin])
    later = spawn(["sh", "-c", f"sleep 1.5; kill -USR1 {process.pid}; sleep 0.5; rm {plugin}"])
    profile = Profile(record("-p", str(process.pid), "-s", "5", "-F", "999").path)
    assert later.wait() == 0 and not os.path.exists(plugin)
    flat = profile.flat()
    assert flat["plugin_work"] > 40 and flat["host_work"] > 5, flat.most_common(5)
    # the next recording knows it from /proc/PID/maps alone, where it is marked as deleted
    profile = Profile(record("-p", str(process.pid), "-s", "1", "-F", "999").path)
    assert profile.flat()["plugin_work"] > 95
    assert str(plugin) in profile.mappings


@pytest.mark.parametrize("becomes", ["fifo", "directory", "symlink", "device"])
def test_a_path_that_becomes_something_else(running, record, own_ratio, becomes):
    """Nothing of it is opened: a FIFO would make the opener wait."""
    process = running([own_ratio])
    os.unlink(own_ratio)
    if becomes == "fifo":
        os.mkfifo(own_ratio)
    elif becomes == "directory":
        os.mkdir(own_ratio)
    elif becomes == "symlink":
        os.symlink("/etc/shadow", own_ratio)
    else:
        os.mknod(own_ratio, 0o20600, os.makedev(1, 5))  # /dev/zero
    start = time.monotonic()
    profile = Profile(record("-p", str(process.pid), "-s", "1", "-F", "999").path)
    assert time.monotonic() - start < 5
    assert named(profile, "alpha", "beta") > 95, profile.comments


# ---- no objects at all ------------------------------------------------------------------

# a loop of ten microseconds in a frame of its own:
# push rbp; mov rbp, rsp; mov ecx, 10000; dec ecx; jnz; pop rbp; ret
CODE = bytes.fromhex("55" "4889e5" "b910270000" "ffc9" "75fc" "5d" "c3")
CODE_OFFSET = 4096


def with_code(data):
    """A file whose code is where jumps.c calls it."""
    data = bytearray(data.ljust(4 * CODE_OFFSET, b"\0"))
    data[CODE_OFFSET:CODE_OFFSET + len(CODE)] = CODE
    return bytes(data)


@pytest.fixture
def run_in(tmp_path, workload, running):
    """run_in({name: bytes}) gives a process that works in these files and in own_code()."""
    if platform.machine() != "x86_64":
        pytest.skip("the code to run is x86-64's")

    def run(files):
        paths = []
        for name, data in files.items():
            path = tmp_path / name
            path.write_bytes(data)
            paths.append(path)
        return running([workload("workloads/jumps.c"), *paths])

    return run


def assert_harmless(profile, names):
    """Each file was seen, and own_code() kept its name."""
    cum = profile.cum()
    assert cum["own_code"] > 2 and cum["main"] > 80, cum.most_common(5)
    seen = {os.path.basename(f.file) for frames, _, _ in profile.stacks for f in frames}
    assert set(names) <= seen, set(names) - seen


def reasons(profile):
    """{file: reason} from the comments."""
    found = {}
    for comment in profile.comments:
        if comment.startswith("no names: /"):
            path, reason = comment[len("no names: "):].split(": ")
            found[os.path.basename(path)] = reason.split(" (")[0]
    return found


def test_files_that_are_no_objects_have_a_reason(run_in, record, workload):
    good = workload("workloads/plugin.c", "-shared", "-fPIC").read_bytes()
    header = good[:64]
    files = {
        "empty_looking": bytes(64),
        "text": b"#!/bin/sh\necho hello\n" * 10,
        "header_only": header,
        "wrong_class": header[:4] + b"\x09" + header[5:],
        "far_sections": header[:40] + b"\xff" * 8 + header[48:],
        "many_sections": header[:60] + b"\xff\xff\xff\xff",
    }
    process = run_in({name: with_code(data) for name, data in files.items()})
    start = time.monotonic()
    profile = Profile(record("-p", str(process.pid), "-s", "2", "-F", "999").path)
    assert time.monotonic() - start < 8
    assert_harmless(profile, files)
    told = reasons(profile)
    assert set(files) <= set(told), (told, profile.comments)
    assert told["text"] == told["empty_looking"] == "not_elf", told
    # a nameless frame still says in which file it is
    assert any(f.name == "[text]" or f.file.endswith("/text")
               for frames, _, _ in profile.stacks for f in frames[:1])


def test_a_file_that_is_cut_while_it_is_mapped(run_in, record, workload, tmp_path):
    """Its section table is beyond the end; a reader that maps it would get SIGBUS."""
    good = workload("workloads/plugin.c", "-shared", "-fPIC").read_bytes()
    process = run_in({"cut": with_code(good[:CODE_OFFSET])})
    os.truncate(tmp_path / "cut", 2 * CODE_OFFSET)
    profile = Profile(record("-p", str(process.pid), "-s", "1", "-F", "999").path)
    assert_harmless(profile, ["cut"])


def test_files_that_shrink_and_grow_all_the_time(run_in, record, workload, spawn, tmp_path, daemon):
    """While they are read: whatever the symbolizer makes of it, it is not killed by it."""
    good = workload("workloads/plugin.c", "-shared", "-fPIC").read_bytes()
    started = daemon("--hz", "999")
    process = run_in({f"moving{i}": with_code(good + bytes([i])) for i in range(8)})
    spawn(["/usr/bin/python3", "-c", "import os, sys\n"
           "while True:\n"
           "    for path in sys.argv[1:]:\n"
           "        os.truncate(path, 8192)\n"
           "        os.truncate(path, 65536)\n", *(tmp_path / f"moving{i}" for i in range(8))])
    out = tmp_path / "p"
    done = started.ctl("record", "-p", process.pid, "-s", "2", "-o", out)
    assert done.returncode == 0, done.stderr
    assert not check_profile.check(out)
    status = started.status()["symbolizer"]
    assert status["crashes"] == status["hangs"] == status["nonsense"] == 0, status
    assert Profile(out).cum()["own_code"] > 2


@pytest.mark.limit(90)
def test_spoilt_copies_of_a_real_library(run_in, workload, daemon, tmp_path, note):
    """Bytes flipped at random in headers, section and symbol tables; 100 of them in one process."""
    seed = random.SystemRandom().randrange(1 << 32)
    note(f"seed {seed}")
    chance = random.Random(seed)
    good = workload("workloads/plugin.c", "-shared", "-fPIC").read_bytes()
    files = {}
    for i in range(100):
        data = bytearray(with_code(good))
        for _ in range(chance.choice([1, 4, 20])):
            at = chance.choice([chance.randrange(64), chance.randrange(CODE_OFFSET),
                                chance.randrange(CODE_OFFSET + len(CODE), len(data))])
            if CODE_OFFSET <= at < CODE_OFFSET + len(CODE):
                continue
            data[at] = chance.choice([0, 1, 0x7F, 0x80, 0xFF, chance.randrange(256)])
        files[f"spoilt{i}"] = bytes(data)
    started = daemon("--hz", "999")
    process = run_in(files)
    start = time.monotonic()
    done = started.ctl("record", "-p", process.pid, "-s", "3", "-o", tmp_path / "p")
    assert done.returncode == 0 and time.monotonic() - start < 8, done.stderr
    assert not check_profile.check(tmp_path / "p")
    status = started.status()["symbolizer"]
    assert status["crashes"] == status["hangs"] == status["nonsense"] == 0, status
    cum = Profile(tmp_path / "p").cum()
    assert cum["main"] > 80 and cum["own_code"] > 0.5


# ---- here and gone ----------------------------------------------------------------------


@pytest.mark.limit(60)
def test_a_storm_of_processes_that_live_for_milliseconds(workload, running, record, note):
    brief = workload("workloads/brief.c")
    spawner = workload("workloads/spawner.c")
    for _ in range(2):
        running([spawner, brief])
    profile = Profile(record("-a", "-s", "4", "-F", "999").path)
    ours = [(frames, count) for frames, count, labels in profile.stacks
            if labels["comm"] == "brief"]
    total = sum(count for _, count in ours)
    n_processes = len({labels["pid"] for _, _, labels in profile.stacks
                       if labels["comm"] == "brief"})
    lost = sum(count for frames, count in ours if frames[0].name == "[unknown]")
    work = sum(count for frames, count in ours
               if any(f.name == "brief_work" and f.file == str(brief) for f in frames))
    note(f"{n_processes} processes, {total} samples, {work} in brief_work, {lost} unknown")
    assert n_processes > 100 and total > 500
    assert lost / total < 0.001
    # the rest is the kernel's exec and exit, and the dynamic loader
    assert work / total > 0.5
    assert all(f.file != "" for frames, _ in ours for f in frames[:1] if f.name != "[no stack]")


def test_programs_of_one_name_are_told_apart_by_their_files(workload, running, record, tmp_path):
    """Two files, other code, the same name and comm."""
    paths = []
    for name in ("workloads/ratio.c", "workloads/recursion.c"):
        directory = tmp_path / os.path.basename(name)
        directory.mkdir()
        paths.append(shutil.copy(workload(name), directory / "same"))
    first, second = (running([path]) for path in paths)
    profile = Profile(record("-p", f"{first.pid},{second.pid}", "-s", "2", "-F", "999").path)
    for frames, count, _ in profile.stacks:
        for frame in frames:
            if frame.name in ("alpha", "beta"):
                assert frame.file == str(paths[0])
            elif frame.name in ("bottom", "descend"):
                assert frame.file == str(paths[1])
    assert named(profile, "alpha", "beta", "bottom") > 90
