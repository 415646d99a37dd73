#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Is a written profile one that every reader accepts?

Independent of the code that writes profiles: it reads the gzip header and the
protobuf wire format itself and leaves the rest to protoc's own Python classes, which are
generated from proto/profile.proto into a temporary directory at run time.

    check_profile.py [--type samples/count,cpu/nanoseconds] [--host] FILE...

Exit status 1 when a rule is broken, with a line for each. As a module: check(bytes
or path, expect={...}) returns the list of violations. Expectations, all optional:

    types        [("samples", "count"), ...]     exactly these sample types
    period_type  ("cpu", "nanoseconds")
    labels       {"pid", "comm"}                 these keys on every sample
    symbolized   False                           addresses only were asked for
    main         "/usr/bin/thing"                file name of mapping[0]
"""
import argparse
import collections
import functools
import importlib
import os
import re
import subprocess
import sys
import tempfile
import zlib

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

LABEL_KEYS = {"pid", "tid", "comm", "thread_name", "cpu", "cgroup", "unit"}
VIRTUAL_MAPPINGS = re.compile(r"\[[^\]]+\]|//anon.*|/tmp/perf-\d+\.map|")
SMALLEST_TIME = 1_000_000_000 * 10**9  # 2001: anything earlier is no wall clock


@functools.lru_cache(maxsize=None)
def profile_pb2():
    """protoc's classes for profile.proto."""
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(
            ["protoc", f"--proto_path={ROOT}/proto", f"--python_out={directory}", "profile.proto"],
            check=True)
        sys.path.insert(0, directory)
        try:
            return importlib.import_module("profile_pb2")
        finally:
            sys.path.remove(directory)


class Subject:
    """A profile under test: its bytes, its wire fields and its message."""

    def __init__(self, data, expect):
        self.data = data
        self.expect = expect
        self.plain, self.trailing = gunzip(data)
        self.fields = wire_fields(self.plain)
        self.p = profile_pb2().Profile()
        self.strings = [value for number, value in self.fields if number == 6]
        self.unread = None
        try:
            self.p.ParseFromString(self.plain)
        except Exception as error:  # DecodeError, or a string that is not UTF-8
            self.unread = str(error)
        self.mappings = {m.id: m for m in self.p.mapping}
        self.functions = {f.id: f for f in self.p.function}
        self.locations = {l.id: l for l in self.p.location}

    def s(self, index):
        """The string, or a mark for one that is not there (another rule's business)."""
        table = self.p.string_table
        return table[index] if 0 <= index < len(table) else f"<string {index}>"

    def mapping_name(self, location):
        m = self.mappings.get(location.mapping_id)
        return self.s(m.filename) if m else ""


def gunzip(data):
    """The contents of the first gzip member, and what follows it."""
    d = zlib.decompressobj(31)
    try:
        plain = d.decompress(data) + d.flush()
    except zlib.error as error:
        raise ValueError(f"not gzip: {error}") from None
    if not d.eof:
        raise ValueError("the gzip member is cut short")
    return plain, d.unused_data


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if not byte & 0x80:
            return value, at


def wire_fields(data):
    """[(field number, value)] of one message; the value is bytes or a number."""
    fields, at = [], 0
    try:
        while at < len(data):
            tag, at = varint(data, at)
            if tag & 7 == 0:
                value, at = varint(data, at)
            elif tag & 7 == 2:
                length, at = varint(data, at)
                value, at = data[at:at + length], at + length
                if at > len(data):
                    raise IndexError
            elif tag & 7 in (1, 5):
                length = 8 if tag & 7 == 1 else 4
                value, at = data[at:at + length], at + length
            else:
                raise IndexError
            fields.append((tag >> 3, value))
    except IndexError:
        raise ValueError("the protobuf message is malformed") from None
    return fields


RULES = []


def rule(function):
    """Each rule yields a sentence for each violation."""
    RULES.append(function)
    return function


# ---- encoding ---------------------------------------------------------------------------


@rule
def one_gzip_member(x):
    if x.trailing:
        yield f"{len(x.trailing)} bytes follow the gzip member"


@rule
def gzip_header_tells_nothing(x):
    if x.data[4:8] != bytes(4):
        yield "the gzip header has a time in it"
    if x.data[3] != 0:
        yield f"the gzip header has flags {x.data[3]:#x}"
    if x.data[9] != 255:
        yield f"the gzip header names operating system {x.data[9]}"


@rule
def not_empty(x):
    if not x.plain:
        yield "the profile has 0 bytes"


@rule
def strings_are_utf8(x):
    for i, s in enumerate(x.strings):
        try:
            s.decode("utf-8")
        except UnicodeDecodeError:
            yield f"string {i} is not UTF-8: {s!r}"


@rule
def message_parses(x):
    if x.unread:
        yield f"protoc's reader refuses it: {x.unread}"


@rule
def first_string_is_empty(x):
    if not x.strings or x.strings[0] != b"":
        yield "string_table[0] is not empty"


@rule
def strings_are_distinct(x):
    for s, n in collections.Counter(x.strings).items():
        if n > 1:
            yield f"string {s!r} is there {n} times"


@rule
def only_fields_1_to_14(x):
    for number in sorted({number for number, _ in x.fields}):
        if not 1 <= number <= 14:
            yield f"field {number} is set"


@rule
def fields_are_in_order(x):
    numbers = [number for number, _ in x.fields]
    if numbers != sorted(numbers):
        yield "the fields of the profile are not in ascending order"


@rule
def ids_are_1_to_n(x):
    for what in ("mapping", "location", "function"):
        for i, row in enumerate(getattr(x.p, what)):
            if row.id != i + 1:
                yield f"{what} number {i + 1} in the file has id {row.id}"
                break


@rule
def string_indices_are_in_range(x):
    n = len(x.p.string_table)

    def indices():
        for t in list(x.p.sample_type) + [x.p.period_type]:
            yield "type", t.type
            yield "type", t.unit
        for m in x.p.mapping:
            yield "mapping", m.filename
            yield "mapping", m.build_id
        for f in x.p.function:
            yield "function", f.name
            yield "function", f.system_name
            yield "function", f.filename
        for s in x.p.sample:
            for l in s.label:
                yield "label", l.key
                yield "label", l.str
                yield "label", l.num_unit
        for c in x.p.comment:
            yield "comment", c
        yield "drop_frames", x.p.drop_frames
        yield "keep_frames", x.p.keep_frames

    for what, index in indices():
        if not 0 <= index < n:
            yield f"a {what} has string {index} of {n}"


@rule
def ids_are_known(x):
    for s in x.p.sample:
        for i in s.location_id:
            if i not in x.locations:
                yield f"a sample has location {i}, which is not there"
    for l in x.p.location:
        if l.mapping_id and l.mapping_id not in x.mappings:
            yield f"location {l.id} has mapping {l.mapping_id}, which is not there"
        for line in l.line:
            if line.function_id not in x.functions:
                yield f"location {l.id} has function {line.function_id}, which is not there"


@rule
def samples_are_sorted(x):
    keys = [([i for i in reversed(s.location_id)],
             [(x.s(l.key).encode(), x.s(l.str).encode()) for l in s.label]) for s in x.p.sample]
    for a, b in zip(keys, keys[1:]):
        if a > b:
            yield "samples are not sorted by their stacks from the root, then labels"
            return


@rule
def samples_are_distinct(x):
    keys = collections.Counter((tuple(s.location_id), tuple((l.key, l.str) for l in s.label))
                               for s in x.p.sample)
    for key, n in keys.items():
        if n > 1:
            yield f"{n} samples have the stack {key[0]} and the same labels"


# ---- header -----------------------------------------------------------------------------


def type_of(x, t):
    return x.s(t.type), x.s(t.unit)


@rule
def sample_types_are_as_expected(x):
    types = [type_of(x, t) for t in x.p.sample_type]
    if not types:
        yield "there is no sample type"
    if "types" in x.expect and types != [tuple(t) for t in x.expect["types"]]:
        yield f"the sample types are {types}"


@rule
def types_are_fit_for_metrics(x):
    for t in list(x.p.sample_type) + [x.p.period_type]:
        for word in type_of(x, t):
            if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", word):
                yield f"'{word}' is no type or unit"


@rule
def four_sample_types_at_most(x):
    if len(x.p.sample_type) > 4:
        yield f"there are {len(x.p.sample_type)} sample types"


@rule
def period_is_there(x):
    if not x.p.HasField("period_type"):
        yield "there is no period_type"
    if x.p.period <= 0:
        yield f"the period is {x.p.period}"
    if "period_type" in x.expect and type_of(x, x.p.period_type) != tuple(x.expect["period_type"]):
        yield f"the period type is {type_of(x, x.p.period_type)}"


@rule
def default_sample_type_is_unset(x):
    if x.p.default_sample_type:
        yield "default_sample_type is set"


@rule
def frames_are_not_dropped(x):
    if x.p.drop_frames or x.p.keep_frames:
        yield "drop_frames or keep_frames is set"


@rule
def time_is_wall_clock(x):
    if x.p.time_nanos < SMALLEST_TIME:
        yield f"time_nanos is {x.p.time_nanos}"


@rule
def duration_is_positive(x):
    if x.p.duration_nanos <= 0:
        yield f"duration_nanos is {x.p.duration_nanos}"


@rule
def comments_are_for_people(x):
    for c in x.p.comment:
        if x.s(c).startswith("executableInfo="):
            yield "a comment starts with executableInfo="
        if not x.s(c).strip():
            yield "a comment is empty"


# ---- samples ----------------------------------------------------------------------------


@rule
def samples_have_locations(x):
    for i, s in enumerate(x.p.sample):
        if not s.location_id:
            yield f"sample {i} has no location"


@rule
def samples_have_a_value_for_each_type(x):
    for i, s in enumerate(x.p.sample):
        if len(s.value) != len(x.p.sample_type):
            yield f"sample {i} has {len(s.value)} values"


@rule
def values_are_not_negative(x):
    for i, s in enumerate(x.p.sample):
        if any(v < 0 for v in s.value):
            yield f"sample {i} has the values {list(s.value)}"


@rule
def values_are_not_all_zero(x):
    for i, s in enumerate(x.p.sample):
        if not any(s.value):
            yield f"sample {i} is all zero"


# ---- mappings ---------------------------------------------------------------------------


@rule
def mapping_ranges_are_ranges(x):
    for m in x.p.mapping:
        if m.memory_start >= m.memory_limit:
            yield f"mapping {m.id} is {m.memory_start:#x}-{m.memory_limit:#x}"


@rule
def mappings_are_distinct(x):
    rows = collections.Counter((m.memory_start, m.memory_limit, m.file_offset, m.filename,
                                m.build_id) for m in x.p.mapping)
    for row, n in rows.items():
        if n > 1:
            yield f"mapping {row[0]:#x}-{row[1]:#x} {x.s(row[3])} is there {n} times"


@rule
def mappings_are_used(x):
    """All but the first, the main executable, which stands for the process."""
    used = {l.mapping_id for l in x.p.location}
    for m in x.p.mapping[1:]:
        if m.id not in used:
            yield f"mapping {m.id} {x.s(m.filename)} is not used"


@rule
def main_mapping_is_first(x):
    names = [x.s(m.filename) for m in x.p.mapping]
    if "main" in x.expect and (not names or names[0] != x.expect["main"]):
        yield f"the first mapping is {names[:1]}"
    if names and VIRTUAL_MAPPINGS.fullmatch(names[0]) and not all(
            VIRTUAL_MAPPINGS.fullmatch(n) for n in names):
        yield f"the first mapping is {names[0]}, though there are files"


@rule
def filenames_are_not_deleted(x):
    for m in x.p.mapping:
        if x.s(m.filename).endswith(" (deleted)"):
            yield f"mapping {m.id} is {x.s(m.filename)}"


@rule
def mappings_have_filenames(x):
    for m in x.p.mapping:
        if not x.s(m.filename):
            yield f"mapping {m.id} has no filename"


@rule
def build_ids_are_lower_case_hex(x):
    for m in x.p.mapping:
        if not re.fullmatch(r"(?:[0-9a-f]{2})*", x.s(m.build_id)):
            yield f"mapping {m.id} has the build ID {x.s(m.build_id)}"


@rule
def kernel_is_one_mapping(x):
    kernels = [m for m in x.p.mapping if x.s(m.filename).startswith("[kernel")]
    if len(kernels) > 1:
        yield f"there are {len(kernels)} kernel mappings"
    for m in kernels:
        if x.s(m.filename) != "[kernel.kallsyms]":
            yield f"the kernel is called {x.s(m.filename)}"


@rule
def attempted_mappings_have_functions(x):
    """Any reader would name those frames again, and ask for the addresses' names."""
    if not x.expect.get("symbolized", True):
        return
    used = {l.mapping_id for l in x.p.location}
    for m in x.p.mapping:
        if m.id in used and not m.has_functions:
            yield f"mapping {m.id} {x.s(m.filename)} is without has_functions"


@rule
def addresses_only_when_asked(x):
    if x.expect.get("symbolized", True):
        return
    for m in x.p.mapping:
        if m.has_functions:
            yield f"mapping {m.id} has has_functions, though no names were asked for"
    for l in x.p.location:
        if l.line and l.mapping_id:
            yield f"location {l.id} has lines, though no names were asked for"


@rule
def has_flags_are_truthful(x):
    found = collections.defaultdict(set)
    for l in x.p.location:
        functions = [x.functions.get(line.function_id) for line in l.line]
        if any(f and f.filename for f in functions):
            found[l.mapping_id].add("has_filenames")
        if any(line.line for line in l.line):
            found[l.mapping_id].add("has_line_numbers")
        if len(l.line) > 1:
            found[l.mapping_id].add("has_inline_frames")
    for m in x.p.mapping:
        for flag in sorted(found[m.id]):
            if not getattr(m, flag):
                yield f"mapping {m.id} {x.s(m.filename)} lacks {flag}"


# ---- locations, lines, functions --------------------------------------------------------


@rule
def locations_are_distinct(x):
    rows = collections.Counter((l.mapping_id, l.address) for l in x.p.location)
    for (mapping, address), n in rows.items():
        if n > 1:
            yield f"{n} locations are at {address:#x} of mapping {mapping}"


@rule
def addresses_are_not_zero(x):
    for l in x.p.location:
        if not l.address:
            yield f"location {l.id} has address 0"


@rule
def addresses_are_in_their_mappings(x):
    for l in x.p.location:
        m = x.mappings.get(l.mapping_id)
        if m and not m.memory_start <= l.address < m.memory_limit:
            yield f"location {l.id} at {l.address:#x} is outside {m.memory_start:#x}-{m.memory_limit:#x}"


@rule
def locations_are_used(x):
    used = {i for s in x.p.sample for i in s.location_id}
    for l in x.p.location:
        if l.id not in used:
            yield f"location {l.id} is not used"


@rule
def locations_have_lines(x):
    """Readers drop frames without: even a nameless one has a function."""
    if not x.expect.get("symbolized", True):
        return
    for l in x.p.location:
        if not l.line:
            yield f"location {l.id} at {l.address:#x} has no line"


@rule
def locations_are_not_folded(x):
    for l in x.p.location:
        if l.is_folded:
            yield f"location {l.id} is_folded"


@rule
def line_numbers_are_not_negative(x):
    for l in x.p.location:
        if any(line.line < 0 for line in l.line):
            yield f"location {l.id} has a negative line"
    for f in x.p.function:
        if f.start_line < 0:
            yield f"function {f.id} starts at line {f.start_line}"


@rule
def functions_have_names(x):
    for f in x.p.function:
        if not x.s(f.name):
            yield f"function {f.id} has no name"


@rule
def functions_are_distinct(x):
    rows = collections.Counter((f.name, f.system_name, f.filename, f.start_line)
                               for f in x.p.function)
    for row, n in rows.items():
        if n > 1:
            yield f"function {x.s(row[0])} is there {n} times"


@rule
def functions_are_used(x):
    used = {line.function_id for l in x.p.location for line in l.line}
    for f in x.p.function:
        if f.id not in used:
            yield f"function {f.id} {x.s(f.name)} is not used"


@rule
def names_are_demangled(x):
    for f in x.p.function:
        name = x.s(f.name)
        if re.match(r"_Z(?:N|L|TV|St|\d)|_R(?:N|C|I|M|X|Y)[A-Za-z0-9_]*$", name) and \
                name == x.s(f.system_name):
            yield f"function {f.id} is called {name}"


@rule
def unnamed_frames_are_called_by_their_object(x):
    """A function `[libfoo.so]` belongs to libfoo.so's own locations."""
    for l in x.p.location:
        for line in l.line:
            f = x.functions.get(line.function_id)
            name = x.s(f.name) if f else ""
            base = x.mapping_name(l).rsplit("/", 1)[-1].strip("[]")
            if re.fullmatch(r"\[[^\] ]*\.so[^\] ]*\]", name) and name != f"[{base}]":
                yield f"location {l.id} of {base or 'no mapping'} is called {name}"


# ---- labels -----------------------------------------------------------------------------


@rule
def labels_are_strings(x):
    for i, s in enumerate(x.p.sample):
        for l in s.label:
            if l.num or l.num_unit or not l.str:
                yield f"sample {i} has the label {x.s(l.key)} without a string"


@rule
def label_keys_are_known(x):
    for key in sorted({x.s(l.key) for s in x.p.sample for l in s.label}):
        if key not in LABEL_KEYS:
            yield f"the label {key} is not one of ours"


@rule
def a_key_has_one_value(x):
    for i, s in enumerate(x.p.sample):
        for key, n in collections.Counter(l.key for l in s.label).items():
            if n > 1:
                yield f"sample {i} has {n} labels {x.s(key)}"


@rule
def label_keys_are_sorted(x):
    for i, s in enumerate(x.p.sample):
        keys = [x.s(l.key).encode() for l in s.label]
        if keys != sorted(keys):
            yield f"sample {i} has its labels in the order {keys}"


@rule
def expected_labels_are_there(x):
    if "labels" not in x.expect:
        return
    for i, s in enumerate(x.p.sample):
        keys = {x.s(l.key) for l in s.label}
        if keys != set(x.expect["labels"]):
            yield f"sample {i} has the labels {sorted(keys)}"


# ---- the whole --------------------------------------------------------------------------


def check(profile, expect=None):
    """The violations in a profile, given as bytes or as a path: ["rule: sentence", ...]."""
    if not isinstance(profile, bytes):
        with open(profile, "rb") as f:
            profile = f.read()
    try:
        subject = Subject(profile, expect or {})
    except ValueError as error:
        return [f"readable: {error}"]
    found = []
    for r in RULES:
        found += [f"{r.__name__}: {sentence}" for sentence in r(subject)]
        if r is message_parses and subject.unread:
            break  # there is nothing to apply the others to
    return found


def types_of(text):
    return [tuple(pair.split("/", 1)) for pair in text.split(",")]


def main():
    parser = argparse.ArgumentParser(description="Check profiles against every reader's rules.")
    parser.add_argument("--type", type=types_of, help="TYPE/UNIT,... exactly these sample types")
    parser.add_argument("--host", action="store_true", help="pid and comm on every sample")
    parser.add_argument("--addresses", action="store_true", help="no names were asked for")
    parser.add_argument("--main", help="file name of the first mapping")
    parser.add_argument("files", nargs="+", metavar="FILE")
    args = parser.parse_args()
    expect = {"symbolized": not args.addresses}
    if args.type:
        expect["types"] = args.type
    if args.host:
        expect["labels"] = {"pid", "comm"}
    if args.main:
        expect["main"] = args.main
    bad = 0
    for path in args.files:
        for violation in check(path, expect):
            print(f"{path}: {violation}")
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
