# SPDX-License-Identifier: Apache-2.0
"""How long people wait: for the first sample, and after a window's end for its file."""

import gzip
import statistics
import subprocess
import time

from host import SCRATCH, Daemon, Load, program, run
from table import Figure

TIME_NANOS, DURATION_NANOS = 9, 10  # fields of a pprof profile


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7f) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


def window_of(path):
    """When a profile's window opened and how long it was, in ns since 1970 and ns."""
    with gzip.open(path) as file:
        data = file.read()
    at, found = 0, {}
    while at < len(data):
        key, at = varint(data, at)
        value, at = varint(data, at)
        if key & 7 == 2:
            at += value
        else:
            found[key >> 3] = value
    return found[TIME_NANOS], found[DURATION_NANOS]


def file_delay_ms(daemon, *arguments):
    """From the window's end to the end of cprofctl, whose file is whole by then."""
    path = daemon.record(*arguments)
    done = time.time_ns()
    start, duration = window_of(path)
    return (done - start - duration) / 1e6


def delays(arguments, of_what):
    """Cold: the first recording of a daemon, begun at once. Warm: the median of three later."""
    with Daemon(99) as daemon:
        cold = file_delay_ms(daemon, *arguments)
        file_delay_ms(daemon, *arguments)
        warm = statistics.median(file_delay_ms(daemon, *arguments) for _ in range(3))
    yield Figure(f"window's end to file, {of_what}, cold", cold, "ms", budget=500)
    yield Figure(f"window's end to file, {of_what}, warm", warm, "ms", budget=50)


PYTHON = "import json, re\nwhile True: json.loads(json.dumps(list(range(500)))); re.sub('a', 'b', 'a' * 500)"


def file():
    with Load():
        python = subprocess.Popen(["/usr/bin/python3", "-c", PYTHON], start_new_session=True)
        try:
            yield from delays(("-p", str(python.pid), "-s", "2"), "python3")
            yield from delays(("-a", "-s", "2"), "whole host")
        finally:
            python.kill()
            python.wait()


def private_recording():
    """When its window opened, when it closed, and when cprofctl was done, in ns since its start."""
    path = SCRATCH / "private.pb.gz"
    begun = time.time_ns()
    run([program("cprofctl"), "record", "-a", "-s", "1", "-o", path])
    done = time.time_ns() - begun
    opened, duration = window_of(path)
    return opened - begun, opened + duration - begun, done


def start():
    """Nothing is sampled before the window of a private recording opens, all of it after."""
    with Load():
        opened = [private_recording()[0] / 1e6 for _ in range(5)]
    yield Figure("start of cprofctl and cprofd to first sample", statistics.median(opened), "ms",
                 budget=300)


def private():
    with Load():
        runs = [private_recording() for _ in range(5)]
    yield Figure("private recording, window's end to cprofctl's",
                 statistics.median(done - end for _, end, done in runs) / 1e6, "ms", budget=500)
    yield Figure("private recording, all that is not window",
                 statistics.median(done - end + opened for opened, end, done in runs) / 1e6, "ms")
