# SPDX-License-Identifier: Apache-2.0
"""Programs as they are found on the machine, most of them without symbols.

Which object leads is said beforehand; what each of its frames may be called is read from its
symbol tables by readelf (elf_names.py). A frame without a name keeps its object and offset,
and the profile's comments say why it has none.
"""
import os
import re
import subprocess
import time

import pytest

from elf_names import assert_names, elf_names

SAMPLES = 3000


def path_of(pid, name):
    """The file that the process has mapped for its program or the library `name`."""
    with open(f"/proc/{pid}/maps") as maps:
        paths = {line.split(None, 5)[5].strip() for line in maps if line.count("/")}
    found = [path for path in paths if os.path.basename(path).startswith(name)]
    assert len(found) == 1, found
    return found[0]


def wait_until_busy(pid):
    """It has used a fifth of a second of CPU, and so is past its start."""
    for _ in range(200):
        with open(f"/proc/{pid}/schedstat") as stat:
            if int(stat.read().split()[0]) > 2e8:
                return
        time.sleep(0.05)
    pytest.fail(f"process {pid} does nothing")


def assert_reason(profile, path):
    """The comments say why frames of `path` have no name."""
    found = [c for c in profile.comments if c.startswith(f"no names: {path}: ")]
    assert len(found) >= 1, profile.comments
    assert re.fullmatch(r"no names: .*: [a-z_]+ \(\d+ addresses\)", found[0]), found


def test_python3(spawn, sample):
    """A loop that does nothing is the interpreter's own loop, which python3 exports."""
    process = spawn(["/usr/bin/python3", "-c", "def spin():\n while True: pass\nspin()"])
    wait_until_busy(process.pid)
    program = os.path.realpath("/usr/bin/python3")
    profile = sample(process.pid, SAMPLES)
    assert profile.leader(profile.files()) == program and profile.files()[program] > 90
    assert profile.mappings[0] == program
    exported = {name for _, _, name in elf_names(program).symbols}
    assert "_PyEval_EvalFrameDefault" in exported
    assert profile.leader() == "_PyEval_EvalFrameDefault"
    assert profile.flat()["_PyEval_EvalFrameDefault"] > 90, profile.flat().most_common(5)
    named, _ = assert_names(profile, program)
    assert named > 3


def test_node(spawn, sample):
    """A loop that node compiled is in memory that no file stands behind."""
    script = "let x = 1; for (;;) { for (let i = 0; i < 1e7; i++) x = (x * 31 + i) % 65521; }"
    process = spawn(["node", "-e", script])
    wait_until_busy(process.pid)
    profile = sample(process.pid, SAMPLES)
    assert profile.leader(profile.files()) == "//anon", profile.files().most_common(3)
    assert profile.files()["//anon"] > 80
    assert profile.leader() == "[anon]"
    assert profile.mappings[0] == os.path.realpath(f"/proc/{process.pid}/exe")
    assert_reason(profile, "//anon")


def large_source(path):
    """Enough for a minute of compiling."""
    with open(path, "w") as out:
        out.write("struct s { int a[16]; };\n")
        for i in range(12000):
            out.write(f"int f{i}(struct s *p, int n)\n{{\n\tint sum = {i};\n"
                      f"\tfor (int i = 0; i < n; i++)\n\t\tsum += p[i].a[(i * {i + 3}) & 15] ^ n;\n"
                      f"\tif (sum > {i})\n\t\tp->a[{i % 16}] = sum / (n + 1);\n\treturn sum;\n}}\n")


def test_gcc_compiling(spawn, sample, tmp_path):
    """The compiler proper leads; it exports its functions to plugins, so many have names."""
    cc1 = subprocess.run(["gcc", "-print-prog-name=cc1"], capture_output=True, text=True,
                         check=True).stdout.strip()
    large_source(tmp_path / "large.c")
    process = spawn([cc1, "-quiet", "-O2", tmp_path / "large.c", "-o", "/dev/null"])
    wait_until_busy(process.pid)
    program = os.path.realpath(cc1)
    profile = sample(process.pid, SAMPLES)
    assert profile.leader(profile.files()) == program, profile.files().most_common(3)
    assert profile.files()[program] > 60
    named, nameless = assert_names(profile, program)
    assert named + nameless > 100
    if nameless:
        assert_reason(profile, program)


SHA_256 = r"\b(sha256rnds2|sha256msg1|rorx?|vpshufd|pshufd|vprord)\b"


def test_openssl_speed(spawn, sample):
    """SHA-256 is assembly in libcrypto without a symbol. The hottest offset is in its rounds: one
    finds their instructions there."""
    process = spawn(["openssl", "speed", "-seconds", "60", "-bytes", "16384", "-evp", "sha256"],
                    stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    wait_until_busy(process.pid)
    libcrypto = path_of(process.pid, "libcrypto.so")
    profile = sample(process.pid, SAMPLES)
    assert profile.leader(profile.files()) == libcrypto, profile.files().most_common(3)
    assert profile.files()[libcrypto] > 90
    assert profile.leader() == f"[{os.path.basename(libcrypto)}]", profile.flat().most_common(5)
    assert_names(profile, libcrypto)
    assert_reason(profile, libcrypto)
    assert profile.mappings[0] == os.path.realpath("/usr/bin/openssl")

    hottest = max((s for s in profile.stacks if s[0][0].file == libcrypto), key=lambda s: s[1])
    at = elf_names(libcrypto).address(hottest[0][0].offset)
    code = subprocess.run(["objdump", "-d", f"--start-address={at - 64:#x}",
                           f"--stop-address={at + 64:#x}", libcrypto],
                          capture_output=True, text=True, check=True).stdout
    assert len(re.findall(SHA_256, code)) >= 5, code
