# SPDX-License-Identifier: Apache-2.0
"""Profiles as github.com/google/pprof/profile reads them: gopprof/main.go, built when needed.

Only Debian's golang-github-google-pprof-dev is used, never the network.
"""
import functools
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
GOPATH = "/usr/share/gocode"
PPROF = "github.com/google/pprof"
GO_MOD = f"""module gopprof

go 1.19

require {PPROF} v0.0.0

replace {PPROF} => {GOPATH}/src/{PPROF}
"""


def _go_build(directory, **settings):
    env = dict(os.environ, GOPROXY="off", GOFLAGS="", GOSUMDB="off", GOTOOLCHAIN="local",
               **settings)
    env.setdefault("GOCACHE", f"/var/tmp/cprofd-go-cache-{os.getuid()}")
    return subprocess.run(["go", "build", "-o", "gopprof", "."], cwd=directory, env=env,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@functools.lru_cache(maxsize=None)
def program():
    """The path of the built program, in a directory that goes with this process."""
    keeper = tempfile.TemporaryDirectory(prefix="gopprof-")
    directory = pathlib.Path(keeper.name)
    shutil.copy(HERE / "gopprof/main.go", directory)
    built = _go_build(directory, GO111MODULE="off", GOPATH=GOPATH)
    if built.returncode:  # a Go that knows modules only
        (directory / "go.mod").write_text(GO_MOD)
        built = _go_build(directory, GO111MODULE="on", GOPATH=str(directory / "gopath"))
    if built.returncode:
        raise RuntimeError(f"gopprof does not build: {built.stdout}")
    program.keeper = keeper
    return directory / "gopprof"


def read(*paths):
    """What gopprof/main.go says of the files: {"files": [...], "merged": {...} or absent}."""
    done = subprocess.run([program(), *map(str, paths)], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise ValueError(done.stderr.strip())
    return json.loads(done.stdout)
