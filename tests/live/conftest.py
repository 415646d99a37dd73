# SPDX-License-Identifier: Apache-2.0
"""Live tests sample real programs, so they need root: without it they fail. Fixtures, beside
those of tests/conftest.py:

workload  workload("name.c", *flags) compiles a file of tests/live (or an absolute path) once per
          session and gives the program's path; .c by gcc with frame pointers, .go by go build,
          .rs by rustc with frame pointers and v0 symbols. cc="clang" takes another compiler,
          variant="lld" tells apart programs made of one source with other flags
record    record(*arguments, timeout=S) runs `cprofctl record ... -o FILE`, which must succeed;
          gives .path, .stderr, .stdout. A pprof file must pass check_profile.py
running   running(argv, **popen) starts a program and waits until it prints "ready"; gives its
          process, with the lines before that as .said
sample    sample(pid, N, *arguments) records at 999 Hz for as long as it takes to get N samples of
          the process, and gives a profiles.Profile with at least so many
cache     cache("name") is a directory for what takes long to get, kept from run to run
pprof     pprof(*arguments) runs `go tool pprof ...`, which must succeed; gives its output
sysctl    sysctl("kernel.kptr_restrict", 2) sets it until the test ends
"""

import os
import pathlib
import subprocess
import time
import types

import pytest

import check_profile
import profiles

HERE = pathlib.Path(__file__).resolve().parent
GCC_FLAGS = ["-D_GNU_SOURCE", "-O1", "-g", "-fno-omit-frame-pointer",
             "-mno-omit-leaf-frame-pointer", "-fno-optimize-sibling-calls", "-pthread"]


def _cache(name):
    """A directory that outlives the run and that nobody else could have made for us."""
    top = pathlib.Path(os.environ.get("CPROFD_TEST_CACHE") or f"/var/tmp/cprofd-tests-{os.getuid()}")
    top.mkdir(mode=0o700, parents=True, exist_ok=True)
    status = top.lstat()
    if top.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o022:
        pytest.fail(f"{top} belongs to somebody else: set CPROFD_TEST_CACHE")
    (top / name).mkdir(exist_ok=True)
    return top / name


@pytest.fixture(scope="session")
def cache():
    return _cache


@pytest.fixture(scope="session")
def go_env():
    return dict(os.environ, GOCACHE=str(_cache("go-build")), GOPATH=str(_cache("go")),
                GOFLAGS="-mod=mod", GOTOOLCHAIN="local", GO111MODULE="auto", CGO_ENABLED="0")


@pytest.fixture(scope="session", autouse=True)
def _root():
    if os.geteuid() != 0:
        pytest.fail("live tests sample the machine and need root (CPROFD_SKIP_LIVE=1 leaves them out)")


def _must(argv, **more):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True,
                          errors="replace", stdin=subprocess.DEVNULL, check=False, **more)
    if done.returncode != 0:
        pytest.fail(f"{' '.join(map(str, argv))}: exit code {done.returncode}\n"
                    f"{done.stdout}{done.stderr}")
    return done


def _compiler(source, cc, flags, target):
    if source.suffix == ".go":
        return ["go", "build", *flags, "-o", target, source]
    if source.suffix == ".rs":
        return ["rustc", "-O", "-C", "force-frame-pointers=yes", "-C", "symbol-mangling-version=v0",
                *flags, "-o", target, source]
    return [cc, *GCC_FLAGS, "-o", target, source, *flags]


@pytest.fixture(scope="session")
def workload(tmp_path_factory, go_env):
    directory = tmp_path_factory.mktemp("workloads")
    for made_0700 in (directory, directory.parent):
        os.chmod(made_0700, 0o755)  # workloads also run as other users
    made = {}

    def build_one(name, *flags, cc="gcc", variant=""):
        source = HERE / name
        key = (source, flags, cc, variant)
        if key not in made:
            language = "" if source.suffix == ".c" else source.suffix.replace(".", "-")
            target = directory / (source.stem + language + (f"-{variant}" if variant else ""))
            if target in made.values():
                pytest.fail(f"{name} with other flags: give it a variant=")
            _must(_compiler(source, cc, flags, target), env=go_env, cwd=directory)
            made[key] = target
        return made[key]

    return build_one


def _assert_valid(path, arguments):
    expect = {"types": [("samples", "count"), ("cpu", "nanoseconds")],
              "period_type": ("cpu", "nanoseconds"),
              "symbolized": "--no-symbols" not in arguments}
    violations = check_profile.check(path, expect)
    assert not violations, "\n".join(violations)


@pytest.fixture
def record(cprofctl, tmp_path):
    def run(*arguments, timeout=120, name="profile.pb.gz"):
        path = tmp_path / name
        done = _must([cprofctl, "record", *arguments, "-o", path], timeout=timeout)
        if "--format" not in arguments:
            _assert_valid(path, arguments)
        return types.SimpleNamespace(path=path, stdout=done.stdout, stderr=done.stderr)

    return run


@pytest.fixture
def running(spawn):
    def start(argv, **popen):
        process = spawn(argv, stdout=subprocess.PIPE, text=True, **popen)
        process.said = []
        for line in process.stdout:
            if line.strip() == "ready":
                return process
            process.said.append(line.strip())
        return pytest.fail(f"{argv} ended before it was ready: exit code {process.wait()}")

    return start


def _cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@pytest.fixture
def sample(record, note):
    def run(pid, count, *arguments, name="profile.pb.gz"):
        before = _cpu_seconds(pid)
        time.sleep(0.5)
        rate = max(0.1, (_cpu_seconds(pid) - before) / 0.5)
        for _ in range(4):  # others may want the CPU too
            seconds = min(60, 1.03 * count / 999 / min(rate, os.cpu_count()))
            recorded = record("-p", str(pid), "-F", "999", "-s", f"{seconds:.2f}", *arguments,
                              name=name)
            profile = profiles.Profile(recorded.path)
            if profile.samples >= count:
                leader, share = profile.flat().most_common(1)[0]
                note(f"{profile.samples} samples, {share:.2f} % in {leader}")
                return profile
            rate = max(0.1, 0.7 * profile.samples / 999 / seconds)
        return pytest.fail(f"{profile.samples} samples in {seconds:.0f} s, {count} are needed")

    return run


@pytest.fixture
def pprof(go_env, tmp_path):
    env = dict(go_env, PPROF_TMPDIR=str(tmp_path), PPROF_BINARY_PATH="/nonexistent")

    def run(*arguments):
        return _must(["go", "tool", "pprof", *arguments], env=env).stdout

    return run


@pytest.fixture
def sysctl():
    before = {}

    def path_of(name):
        return pathlib.Path("/proc/sys") / name.replace(".", "/")

    def put(name, value):
        before.setdefault(name, path_of(name).read_text())
        path_of(name).write_text(f"{value}\n")

    yield put
    for name, value in before.items():
        path_of(name).write_text(value)
