# SPDX-License-Identifier: Apache-2.0
"""What the tests in tests/cli and tests/live share. Fixtures:

build     directory of what was built (CPROFD_BUILD, else build/)
cprofctl, cprofd, symbolizer
          paths of the programs
spawn     spawn(argv, **popen) starts a process; it and what stays in its process group are
          killed when the test ends
note      note("text") prints a line in the summary at the end of the run: figures, counts

A test is ended with an error after TEST_LIMIT_S; @pytest.mark.limit(SECONDS) sets its own.
"""

import os
import pathlib
import signal
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ.get("CPROFD_BUILD") or ROOT / "build")
TEST_LIMIT_S = 180

_notes = []


def pytest_configure(config):
    config.addinivalue_line("markers", "limit(seconds): how long this test may take")


def pytest_terminal_summary(terminalreporter):
    if _notes:
        terminalreporter.section("notes")
        for text in _notes:
            terminalreporter.write_line(text)


@pytest.fixture(autouse=True)
def _limit(request):
    mark = request.node.get_closest_marker("limit")
    seconds = int(mark.args[0]) if mark else TEST_LIMIT_S

    def expire(_signal, _frame):
        raise TimeoutError(f"the test took longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, expire)
    signal.alarm(seconds)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def note(request):
    def add(text):
        _notes.append(f"{request.node.name}: {text}")

    return add


@pytest.fixture(scope="session")
def build():
    return BUILD


def _program(name):
    path = BUILD / "bin" / name
    if not os.access(path, os.X_OK):
        pytest.fail(f"{path} is not built: make")
    return path


@pytest.fixture(scope="session")
def cprofctl():
    return _program("cprofctl")


@pytest.fixture(scope="session")
def cprofd():
    return _program("cprofd")


@pytest.fixture(scope="session")
def symbolizer():
    return _program("cprofd-symbolizer")


@pytest.fixture
def spawn():
    started = []

    def start(argv, **popen):
        popen.setdefault("stdin", subprocess.DEVNULL)
        process = subprocess.Popen([str(word) for word in argv], start_new_session=True, **popen)
        started.append(process)
        return process

    yield start
    for process in started:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe:
                pipe.close()
