# SPDX-License-Identifier: Apache-2.0
"""Memory of all our processes, and what they hold in the kernel."""

import os
import re
import time

from host import CannotRun, Daemon, Load, run
from table import Figure

RUN_S = 60
RECORD_S = 5
# mapped into a process, but the kernel's: counted there, once
KERNELS = ("anon_inode:[perf_event]", "anon_inode:bpf-map")
HEADER = re.compile(r"^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ \S+ \d+ *(.*)$")


def smaps(pid):
    """(name, size, pss) of each mapping, in bytes."""
    with open(f"/proc/{pid}/smaps", errors="replace") as lines:
        name = size = None
        for text in lines:
            header = HEADER.match(text)
            if header:
                name, size = header[3], int(header[2], 16) - int(header[1], 16)
            elif text.startswith("Pss:"):
                yield name, size, int(text.split()[1]) * 1024


def pss(pid):
    return sum(bytes for name, _, bytes in smaps(pid) if name not in KERNELS)


def perf_rings(pid):
    return sum(size for name, size, _ in smaps(pid) if name == KERNELS[0])


def bpf_objects(pid):
    """What /proc says of each map and program that the process has open: {(kind, id): bytes}."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{fd}", errors="replace") as info:
                fields = dict(line.split(":", 1) for line in info if ":" in line)
        except OSError:
            continue  # closed meanwhile
        for kind in ("map_id", "prog_id"):
            if kind in fields and "memlock" in fields:
                found[kind, int(fields[kind])] = int(fields["memlock"])
    return found


def memory():
    """After a minute of everything on a busy host, with recordings made of all and of one."""
    with Load() as load, Daemon(99) as daemon:
        end = time.monotonic() + RUN_S
        while time.monotonic() + 2 * RECORD_S < end:
            daemon.record("-a", "-s", str(RECORD_S))
            daemon.record("-p", str(load.burner()), "-s", str(RECORD_S))
            run(["/usr/bin/python3", "-c", "import json, http.client; sum(range(10**7))"])
        time.sleep(max(0, end - time.monotonic()))
        pids = daemon.pids()
        names = dict(zip(pids, ("cprofd", "opener", "symbolizer")))
        if len(pids) != 3:
            raise CannotRun(f"cprofd has {len(pids) - 1} children, not 2")
        for pid in pids[1:]:
            with open(f"/proc/{pid}/comm", errors="replace") as comm:
                names[pid] = comm.read().strip()
        each = {pid: pss(pid) for pid in pids}
        bpf = sum(bpf_objects(daemon.process.pid).values())
        rings = sum(perf_rings(pid) for pid in pids)
        store = daemon.status()["memory"]["store"]
    for pid in pids:
        yield Figure(f"memory, PSS of process {pids.index(pid) + 1}, {names[pid]}",
                     each[pid] / 1e6, "MB")
    yield Figure("memory, store, of the first", store / 1e6, "MB")
    yield Figure("memory, kernel: BPF maps and programs", bpf / 1e6, "MB")
    yield Figure("memory, kernel: side-band rings", rings / 1e6, "MB")
    yield Figure("memory, together", (sum(each.values()) + bpf + rings) / 1e6, "MB", budget=60)
