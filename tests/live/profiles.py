# SPDX-License-Identifier: Apache-2.0
"""A pprof file as the live tests look at it: shares of functions, stacks, labels.

Read with protoc's own classes (check_profile.py), like everything here independent of the
code that writes profiles. Shares are in percent of all samples.
"""
import collections
import gzip
import re

import check_profile

KERNEL_HALF = 0xFFFF800000000000

# system_name is as in the symbol table; offset is where in its file the code is
Frame = collections.namedtuple("Frame", "name system_name file offset address")


class Profile:
    """Attributes:

    stacks    [(frames, count, labels)], frames from the leaf to the root
    samples   how many samples were taken
    mappings  their file names, in order
    comments  lines
    period, time_ns, duration_ns
    """

    def __init__(self, path):
        self.path = path
        self.p = check_profile.profile_pb2().Profile()
        with gzip.open(path) as f:
            self.p.ParseFromString(f.read())
        self._strings = list(self.p.string_table)
        functions = {f.id: f for f in self.p.function}
        mappings = {m.id: m for m in self.p.mapping}
        frames = {l.id: self._frame(l, functions, mappings) for l in self.p.location}
        self.stacks = [(tuple(frames[i] for i in s.location_id), s.value[0],
                        {self._s(l.key): self._s(l.str) for l in s.label}) for s in self.p.sample]
        self.samples = sum(count for _, count, _ in self.stacks)
        self.mappings = [self._s(m.filename) for m in self.p.mapping]
        self.comments = [self._s(c) for c in self.p.comment]
        self.period = self.p.period
        self.time_ns = self.p.time_nanos
        self.duration_ns = self.p.duration_nanos

    def _s(self, index):
        return self._strings[index]

    def _frame(self, location, functions, mappings):
        """The physical function: what was inlined into it is part of it."""
        f = functions[location.line[-1].function_id] if location.line else None
        m = mappings.get(location.mapping_id)
        return Frame(self._s(f.name) if f else "", self._s(f.system_name) if f else "",
                     self._s(m.filename) if m else "",
                     location.address - m.memory_start + m.file_offset if m else 0,
                     location.address)

    def _share(self, pick):
        counts = collections.Counter()
        for frames, count, labels in self.stacks:
            for key in pick(frames, labels):
                counts[key] += count
        return collections.Counter({key: 100.0 * count / self.samples
                                    for key, count in counts.items()})

    def flat(self):
        """Function name: share of samples in which it was at work itself."""
        return self._share(lambda frames, _: {frames[0].name})

    def cum(self):
        """Function name: share of samples in whose stacks it was."""
        return self._share(lambda frames, _: {f.name for f in frames})

    def files(self):
        """Mapping's file name: share of samples whose leaf is there."""
        return self._share(lambda frames, _: {frames[0].file})

    def labels(self, key):
        """Label's value: share of samples that have it. None for those without."""
        return self._share(lambda _, labels: {labels.get(key)})

    def kernel(self):
        """The share of samples in the kernel."""
        return self._share(lambda frames, _: {frames[0].address >= KERNEL_HALF})[True]

    def without_kernel(self):
        """[(frames of the user stack, count)], those with none left out."""
        users = [(tuple(f for f in frames if f.address < KERNEL_HALF), count)
                 for frames, count, _ in self.stacks]
        return [(frames, count) for frames, count in users if frames]

    def late(self, cpu):
        """Ticks of a CPU that came late, as the comments tell."""
        found = re.search(rf"^late on cpu {cpu}: (\d+)$", "\n".join(self.comments), re.MULTILINE)
        return int(found.group(1)) if found else 0

    def leader(self, shares=None):
        return (shares or self.flat()).most_common(1)[0][0]
