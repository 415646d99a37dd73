#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Are the symbolizer's names true? Ask it for random addresses of real files.

The truth comes from `readelf -Ws`, `-lW` and `-SW`, by the rule of daemon/symbolizer/symtab.h,
written down here a second time and from other bytes. llvm-symbolizer, if it is there, is a third
opinion: its name must be one of the names of the same place.

    symbolizer_accuracy.py PROGRAM FILE... [--addresses N] [--seed S]
"""
import argparse
import bisect
import random
import re
import subprocess
import sys
import time

from symbolizer_client import Symbolizer, pb



def tool(*args):
    # a symbol may hold any bytes
    return subprocess.run(args, capture_output=True, check=True).stdout.decode("latin-1")


def executable_sections(path):
    found = {}
    for line in tool("readelf", "-SW", path).splitlines():
        m = re.match(r"\s*\[\s*(\d+)\]\s+(\S*)\s+(\S+)\s+([0-9a-f]+)\s+([0-9a-f]+)\s+([0-9a-f]+)"
                     r"\s+[0-9a-f]+\s+(\S*)\s+\d+\s+\d+\s+\d+$", line)
        if m and "A" in m[7] and "X" in m[7]:
            found[int(m[1])] = (int(m[4], 16), int(m[4], 16) + int(m[6], 16), int(m[5], 16), m[3])
    return found


def symbols(path, sections):
    for line in tool("readelf", "-Ws", path).splitlines():
        f = line.split(None, 7)
        if len(f) < 8 or not f[0].endswith(":") or not f[0][:-1].isdigit():
            continue
        value, size, kind, bind, _vis, rest = f[1], f[2], f[3], f[4], f[5], f[6:]
        if rest[0].startswith("["):  # [<other>: 88]
            continue
        index, name = rest[0], rest[1].strip()
        if kind not in ("FUNC", "NOTYPE", "IFUNC") or not index.isdigit():
            continue
        where = sections.get(int(index))
        value = int(value, 16)
        if not where or not where[0] <= value < where[1]:
            continue
        name = re.sub(r" \(\d+\)$", "", name)
        name = re.sub(r"(?<=.)@@?[A-Za-z0-9_.+-]+$", "", name)
        size = int(size, 0)
        yield value, size, kind != "NOTYPE", bind != "LOCAL", name, where[1]


def rank(symbol):
    value, size, func, public, name, _ = symbol
    return (not func, not size, -value, not public, name.startswith("__GI_"),
            len(name) - len(name.lstrip("_")), len(name), name)


class Truth:
    def __init__(self, path):
        self.sections = executable_sections(path)
        self.symbols = sorted(set(symbols(path, self.sections)))
        self.starts = sorted({s[0] for s in self.symbols})
        self.by_start = {}
        for s in self.symbols:
            self.by_start.setdefault(s[0], []).append(s)
        self.longest = max((s[1] for s in self.symbols), default=0)

    def covering(self, vaddr):
        at = bisect.bisect_right(self.starts, vaddr)
        following = self.starts[at] if at < len(self.starts) else 1 << 64
        nearest = self.starts[at - 1] if at else None
        while at and vaddr - self.starts[at - 1] <= max(self.longest, 1 << 16):
            at -= 1
            for s in self.by_start[self.starts[at]]:
                end = s[0] + s[1] if s[1] else (following if s[0] == nearest else 0)
                if vaddr < min(end, s[5]) and s[4] and (s[2] or s[4][0] not in "$."):
                    yield s

    def name(self, vaddr):
        return min(self.covering(vaddr), key=rank, default=None)


def third_opinion(path, vaddrs):
    out = subprocess.run(["llvm-symbolizer", "--no-inlines", "--no-demangle",
                          "--functions=linkage", "-e", path],
                         input="".join("0x%x\n" % v for v in vaddrs).encode(),
                         capture_output=True, check=True).stdout.decode("latin-1")
    return [block.splitlines()[0] for block in out.strip().split("\n\n")]


def check(symbolizer, path, n, rng):
    truth = Truth(path)
    text = [s for s in truth.sections.values() if s[3] != "NOBITS" and s[1] > s[0]]
    weights = [s[1] - s[0] for s in text]
    chosen = [(s, rng.randrange(s[1] - s[0])) for s in rng.choices(text, weights, k=n)]
    vaddrs = [s[0] + at for s, at in chosen]
    began = time.monotonic()
    info = symbolizer.add(path)
    added = time.monotonic() - began
    names = symbolizer.resolve(info.object, [s[2] + at for s, at in chosen])
    took = time.monotonic() - began - added
    wrong = named = 0
    for vaddr, function, reason in zip(vaddrs, names.function, names.reasons):
        want = truth.name(vaddr)
        got = names.functions[function - 1].system_name if function else None
        named += got is not None
        good = got == (want[4].encode("latin-1").decode("utf-8", "replace") if want else None)
        if not good or (not got and reason not in (pb.NO_SYMBOL, pb.NO_SYMBOLS)):
            wrong += 1
            print("  %s 0x%x: %r, should be %r" % (path, vaddr, got, want))
    other = 0
    for vaddr, function, name in zip(vaddrs, names.function, third_opinion(path, vaddrs)):
        if function:
            same_place = {s[4] for s in truth.covering(vaddr)}
            other += name.split("@")[0] not in same_place
    print("%-45s %d addresses, %d named, %d wrong; %d that llvm-symbolizer names otherwise; "
          "%d symbols, add %.1f ms, resolve %.1f ms" %
          (path, n, named, wrong, other, info.symbols, added * 1e3, took * 1e3))
    symbolizer.drop(info.object)
    return wrong


def main():
    args = argparse.ArgumentParser()
    args.add_argument("program")
    args.add_argument("files", nargs="+")
    args.add_argument("--addresses", type=int, default=2000)
    args.add_argument("--seed", type=int, default=None)
    args = args.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    rng = random.Random(seed)
    symbolizer = Symbolizer(args.program)
    wrong = sum(check(symbolizer, f, args.addresses, rng) for f in args.files)
    return 1 if wrong or symbolizer.wait() else 0


if __name__ == "__main__":
    sys.exit(main())
