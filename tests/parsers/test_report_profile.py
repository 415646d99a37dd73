# SPDX-License-Identifier: Apache-2.0
"""Profiles as written by lib/pprof and shown by lib/report, judged by protoc, by Python's
protobuf, by go tool pprof and by a folding done again here. tool_report_profile.c is what
lets Python call the library."""
import collections
import gzip
import os
import random
import re
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../live"))
import check_profile  # noqa: E402

ROOT = check_profile.ROOT
TIME_NS, DURATION_NS = 1_700_000_000 * 10**9, 10 * 10**9


@pytest.fixture(scope="session")
def tool(build):
    path = build / "tests/parsers/tool_report_profile"
    if not os.access(path, os.X_OK):
        pytest.fail(f"{path} is not built: make parsers")
    return path


def call(tool, *arguments, data):
    done = subprocess.run([tool, *map(str, arguments)], input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr.decode()


def build_profile(tool, spec, *arguments):
    code, out, err = call(tool, "build", *arguments, data=spec.text().encode())
    assert code == 0, err
    return out


def message_of(data):
    p = check_profile.profile_pb2().Profile()
    p.ParseFromString(gzip.decompress(data))
    return p


def hexed(text):
    data = text if isinstance(text, bytes) else text.encode()
    return data.hex() or "-"


class Spec:
    """What a profile says, apart from any order; text() tells it in a random one."""

    def __init__(self, rng):
        self.rng = rng
        self.types = [("samples", "count"), ("cpu", "nanoseconds")]
        self.period = ("cpu", "nanoseconds", 10101010)
        self.comments = []
        self.mappings = []   # (start, limit, offset, filename, build_id, flags)
        self.functions = []  # (name, system_name, filename, start_line)
        self.locations = []  # (mapping or None, address, [(function, line)])
        self.samples = []    # ([location], [value], {key: value})

    def shuffled(self, things):
        return self.rng.sample(range(len(things)), len(things))

    def text(self):
        lines = ["types " + " ".join(hexed(w) for t in self.types for w in t),
                 f"period {hexed(self.period[0])} {hexed(self.period[1])} {self.period[2]}",
                 f"window {TIME_NS} {DURATION_NS}"]
        lines += [f"comment {hexed(c)}" for c in self.comments]
        mapping_order = self.shuffled(self.mappings)
        for i in mapping_order:
            start, limit, offset, filename, build_id, flags = self.mappings[i]
            lines.append(f"mapping {start} {limit} {offset} {hexed(filename)} "
                         f"{build_id or '-'} {flags or '-'}")
        function_order = self.shuffled(self.functions)
        for i in function_order:
            name, system_name, filename, start_line = self.functions[i]
            lines.append(f"function {hexed(name)} {hexed(system_name)} {hexed(filename)} "
                         f"{start_line}")
        location_order = self.shuffled(self.locations)
        for i in location_order:
            mapping, address, pairs = self.locations[i]
            number = -1 if mapping is None else mapping_order.index(mapping)
            words = [f"{function_order.index(f)} {line}" for f, line in pairs]
            lines.append(" ".join([f"location {number} {address}", *words]))
        places = {location: at for at, location in enumerate(location_order)}
        for i in self.shuffled(self.samples):
            lines += self.sample_lines(self.samples[i], places)
        return "\n".join(lines) + "\n"

    def sample_lines(self, sample, places):
        """One line, or two that add up to it."""
        stack, values, labels = sample
        parts = [values]
        if self.rng.random() < 0.3 and min(values) > 1:
            parts = [[v // 2 for v in values], [v - v // 2 for v in values]]
        for part in parts:
            words = [len(stack), *(places[i] for i in stack), len(part), *part]
            for key in self.rng.sample(sorted(labels), len(labels)):
                words += [hexed(key), hexed(labels[key])]
            yield "sample " + " ".join(map(str, words))


def random_spec(seed, n_samples=200):
    rng = random.Random(seed)
    spec = Spec(rng)
    spec.comments = ["cprofd on host", "naïve"]
    spec.mappings = [(0x400000, 0x500000, 0, "/usr/bin/main", "0a1b2c", "fnlim")]
    for i in range(1, 9):
        start = 0x7F0000000000 - i * 0x1000000
        spec.mappings.append((start, start + 0x100000, i * 0x1000, f"/usr/lib/lib{i % 5}.so",
                              rng.choice(["", "ff" * 20, f"{i:040x}"]), "fnli"))
    spec.functions = [(f"ns::f{i}<{i % 3}>()", f"_ZN2ns2f{i}E", f"dir{i % 3}/file{i % 7}.cc",
                       rng.randrange(0, 99)) for i in range(60)]
    spec.functions += [("f", "f", "", 0), ("f", "f", "", 1), ("f", "_f", "", 0), ("f", "f", "a", 0)]
    spec.functions += [("a_long_name" + "x" * i, "", "a_long_directory/a.c", 0) for i in range(4)]
    taken = set()
    while len(taken) < 150:
        mapping = rng.choice([None, *range(9)])
        start = 0x1000 if mapping is None else spec.mappings[mapping][0]
        taken.add((mapping, start + rng.randrange(1, 0x1000)))
    for mapping, address in sorted(taken, key=str):
        pairs = [(rng.randrange(len(spec.functions)), rng.randrange(0, 500))
                 for _ in range(rng.choice([1, 1, 1, 2, 3]))]
        spec.locations.append((mapping, address, pairs))
    seen = set()
    while len(spec.samples) < n_samples:
        stack = tuple(rng.randrange(len(spec.locations)) for _ in range(rng.randrange(1, 12)))
        labels = rng.choice([{}, {"pid": "12"}, {"comm": "a b", "pid": "3", "unit": "x.service"}])
        if (stack, str(labels)) in seen:
            continue
        seen.add((stack, str(labels)))
        count = rng.randrange(1, 50)
        spec.samples.append((list(stack), [count, count * 10_000_000], labels))
    return spec


def story_of_spec(spec):
    """The samples in words, with nothing left of numbers and order."""
    def frame(i):
        mapping, address, pairs = spec.locations[i]
        return (None if mapping is None else spec.mappings[mapping][:5], address,
                tuple((spec.functions[f], line) for f, line in pairs))

    story = collections.Counter()
    for stack, values, labels in spec.samples:
        key = (tuple(frame(i) for i in stack), tuple(sorted(labels.items())))
        story[key] += complex(*values)
    return story


def story_of_message(p):
    s = p.string_table
    mappings = {m.id: (m.memory_start, m.memory_limit, m.file_offset, s[m.filename],
                       s[m.build_id]) for m in p.mapping}
    functions = {f.id: (s[f.name], s[f.system_name], s[f.filename], f.start_line)
                 for f in p.function}
    frames = {l.id: (mappings.get(l.mapping_id), l.address,
                     tuple((functions[x.function_id], x.line) for x in l.line))
              for l in p.location}
    return collections.Counter({
        (tuple(frames[i] for i in x.location_id),
         tuple(sorted((s[l.key], s[l.str]) for l in x.label))): complex(*x.value)
        for x in p.sample})


SEEDS = [1, 2, 3] + [random.SystemRandom().randrange(2**32) for _ in range(3)]


@pytest.fixture(params=SEEDS, ids=lambda seed: f"seed{seed}")
def spec(request):
    return random_spec(request.param)


# ---- the writer -------------------------------------------------------------------------


def test_what_goes_in_comes_out(tool, spec):
    data = build_profile(tool, spec)
    assert check_profile.check(data, {"types": spec.types, "main": "/usr/bin/main"}) == []
    p = message_of(data)
    assert story_of_message(p) == story_of_spec(spec)
    assert [p.string_table[c] for c in p.comment] == spec.comments
    assert (p.time_nanos, p.duration_nanos, p.period) == (TIME_NS, DURATION_NS, 10101010)


def test_bytes_do_not_depend_on_the_order_of_calls(tool, spec):
    first = build_profile(tool, spec)
    for _ in range(5):
        assert build_profile(tool, spec) == first


def test_protoc_decodes_it(tool):
    plain = gzip.decompress(build_profile(tool, random_spec(1)))
    done = subprocess.run(["protoc", f"--proto_path={ROOT}/proto",
                           "--decode=perftools.profiles.Profile", "profile.proto"],
                          input=plain, stdout=subprocess.PIPE, check=True)
    again = subprocess.run(["protoc", f"--proto_path={ROOT}/proto",
                            "--encode=perftools.profiles.Profile", "profile.proto"],
                           input=done.stdout, stdout=subprocess.PIPE, check=True)
    assert again.stdout == plain


def test_an_idle_profile_has_its_header_and_main_mapping(tool):
    spec = random_spec(1)
    spec.samples = []
    data = build_profile(tool, spec)
    assert check_profile.check(data, {"main": "/usr/bin/main"}) == []
    p = message_of(data)
    assert len(p.mapping) == 1 and not p.sample and not p.location and not p.function


def test_bytes_that_are_no_text_are_repaired(tool):
    spec = random_spec(1)
    spec.mappings[0] = (*spec.mappings[0][:3], b"/usr/bin/m\xe4in", "", "fnlim")
    spec.functions = [(b"f\xff\xfe()", b"\xc3(", b"\xed\xa0\x80.c", 1)]
    spec.locations = [(0, 0x400100, [(0, 1)])]
    spec.samples = [([0], [1, 1], {"comm": b"\x80b"})]
    spec.comments = [b"host \xf0\x9f"]
    data = build_profile(tool, spec)
    assert check_profile.check(data) == []
    p = message_of(data)
    f = p.function[0]
    # Python's decoder replaces by the same rule, one for each maximal subpart
    assert p.string_table[f.name] == b"f\xff\xfe()".decode(errors="replace")
    assert p.string_table[f.system_name] == b"\xc3(".decode(errors="replace")
    assert p.string_table[f.filename] == b"\xed\xa0\x80.c".decode(errors="replace")
    assert p.string_table[p.sample[0].label[0].str] == b"\x80b".decode(errors="replace")
    assert p.string_table[p.comment[0]] == b"host \xf0\x9f".decode(errors="replace")


def test_what_a_mapping_has_is_united(tool):
    spec = random_spec(1)
    text = spec.text()
    line = next(l for l in text.splitlines() if l.startswith("mapping 4194304 "))
    bare = text.replace(line, line[:-len("fnlim")] + "-")
    p = message_of(call(tool, "build", data=bare.encode())[1])
    main = next(m for m in p.mapping if m.memory_start == 0x400000)
    assert not (main.has_functions or main.has_filenames or main.has_line_numbers)
    both = bare + "\n".join(line[:-len("fnlim")] + flag for flag in "fnlim") + "\n"
    p = message_of(call(tool, "build", data=both.encode())[1])
    assert p.SerializeToString() == message_of(build_profile(tool, spec)).SerializeToString()


def test_a_ceiling_refuses_and_what_was_taken_is_written(tool):
    spec = random_spec(1, n_samples=3000)
    code, data, err = call(tool, "build", 150_000, data=spec.text().encode())
    assert code == 0
    refused, counted, used = map(int, re.fullmatch(
        r"refused (\d+) counted (\d+) bytes (\d+)\n", err).groups())
    assert refused > 0 and counted > 0 and used <= 150_000
    assert check_profile.check(data, {}) == []
    whole = story_of_spec(spec)
    part = story_of_message(message_of(data))
    assert 0 < len(part) < len(whole)


@pytest.mark.parametrize("change", [
    lambda s: s.types.append(("a-b", "count")), lambda s: s.types.clear(),
    lambda s: s.types.pop(), lambda s: s.comments.append("executableInfo=x"),
    lambda s: setattr(s, "period", ("cpu", "", 1)), lambda s: setattr(s, "period", ("", "x", 1)),
    lambda s: setattr(s, "period", ("cpu", "nanoseconds", 0))])
def test_a_header_that_breaks_its_rules_is_refused(tool, change):
    spec = random_spec(1, n_samples=5)
    change(spec)
    code, out, err = call(tool, "build", data=spec.text().encode())
    assert (code, out, err) == (1, b"", "pprof_finish: Invalid argument\n")


# ---- reports ----------------------------------------------------------------------------


def names_of(p, location):
    """Outermost last, as in the file."""
    s = p.string_table
    functions = {f.id: s[f.name] for f in p.function}
    files = {m.id: s[m.filename] for m in p.mapping}
    base = files.get(location.mapping_id, "").rsplit("/", 1)[-1] or "unknown"
    object_name = base if base.startswith("[") else f"[{base}]"
    return [functions[x.function_id] or object_name for x in location.line] or [object_name]


def folded_again(p):
    frames = {l.id: names_of(p, l) for l in p.location}
    s = p.string_table
    labels = [{s[l.key]: s[l.str] for l in x.label if l.str} for x in p.sample]
    counts = collections.Counter()
    for x, label in zip(p.sample, labels):
        names = [name for i in x.location_id for name in frames[i]][::-1]
        if {"comm", "pid"} <= set(label):
            names.insert(0, f"{label['comm']} ({label['pid']})")
        clean = [re.sub("[;\x00-\x1f\x7f-\x9f]", "_", name) for name in names]
        counts[";".join(clean).encode()] += x.value[0]
    return b"".join(b"%s %d\n" % (k, v) for k, v in sorted(counts.items()))


def test_folded_agrees_with_another_folding(tool, spec):
    data = build_profile(tool, spec)
    code, out, err = call(tool, "folded", data=data)
    assert (code, err) == (0, "")
    assert out == folded_again(message_of(data))


def test_folded_starts_with_the_process_on_a_whole_host(tool, spec):
    for i, (_, _, labels) in enumerate(spec.samples):
        labels.clear()
        labels.update({"comm": ["sh", "a;b", "c\nd"][i % 3], "pid": str(i % 7)})
    data = build_profile(tool, spec)
    code, out, _ = call(tool, "folded", data=data)
    assert code == 0
    assert out == folded_again(message_of(data))
    assert all(re.match(rb"(sh|a_b|c_d) \(\d\);", line) for line in out.splitlines())


def test_folded_tells_processes_although_lost_samples_belong_to_none(tool, spec):
    for i, (_, _, labels) in enumerate(spec.samples):
        labels.clear()
        labels.update({"comm": "sh", "pid": str(i % 7)} if i else {})
    data = build_profile(tool, spec)
    code, out, _ = call(tool, "folded", data=data)
    assert code == 0
    assert out == folded_again(message_of(data))
    assert sum(not line.startswith(b"sh (") for line in out.splitlines()) <= 1


def test_folded_keeps_its_lines_whole_and_sorted(tool):
    spec = random_spec(1)
    names = ["a b", "a<", "a", "a+", "a;b", "a<b>", " lead", "tab\there", "new\nline", "\x85c1", "ü", "a\x7f"]
    spec.functions = [(name, "", "", 0) for name in names]
    spec.locations = [(0, 0x400100 + i, [(i, 0)]) for i in range(len(names))]
    spec.samples = [([i, j], [1, 1], {}) for i in range(len(names)) for j in range(len(names))]
    spec.samples += [([i], [1, 1], {}) for i in range(len(names))]
    data = build_profile(tool, spec)
    code, out, _ = call(tool, "folded", data=data)
    assert code == 0
    expected = collections.Counter()
    for line in folded_again(message_of(data)).splitlines():
        stack, count = line.rsplit(b" ", 1)
        expected[re.sub(b"^ ", b"_", stack)] += int(count)
    assert out == b"".join(b"%s %d\n" % pair for pair in sorted(expected.items()))
    assert not [line for line in out.splitlines() if line.startswith(b" ")]


def go_env(tmp_path):
    return dict(os.environ, HOME=str(tmp_path), PPROF_TMPDIR=str(tmp_path),
                PPROF_BINARY_PATH=str(tmp_path), GOFLAGS="-mod=mod", GOPROXY="off",
                GOCACHE=os.environ.get("GOCACHE", "/var/tmp/cprofd-go-cache-%d" % os.getuid()))


def go_top(path, tmp_path, *flags):
    """{name: (flat, cum)} by go tool pprof, in the profile's own unit."""
    done = subprocess.run(
        ["go", "tool", "pprof", "-top", "-unit=ns", "-nodecount=100000", "-nodefraction=0",
         "-symbolize=none", *flags, str(path)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=go_env(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = re.findall(r"^ *(-?\d+)(?:ns)? +\S+% +\S+% +(-?\d+)(?:ns)? +\S+%  (.*)$", done.stdout, re.M)
    return {name.removesuffix(" (inline)").removesuffix(" (partial-inline)"): (int(f), int(c))
            for f, c, name in rows}, [row[2] for row in rows]


def own_top(tool, data, n=0, columns=0, order="flat"):
    code, out, err = call(tool, "top", n, columns, order, data=data)
    assert (code, err) == (0, "")
    return out.decode()


ROW = re.compile(r"^ *(-?[\d.]+)(s|ms|us|ns|) +(\S+)% +(-?[\d.]+)(s|ms|us|ns|) +(\S+)%  (.*?)(?:  +(\S+))?$")
SIZE = {"s": 10**9, "ms": 10**6, "us": 10**3, "ns": 1, "": 1}


def own_rows(text):
    rows = []
    for line in text.splitlines()[2:]:
        flat, flat_unit, flat_percent, cum, cum_unit, cum_percent, name, file = \
            ROW.match(line).groups()
        rows.append((name, round(float(flat) * SIZE[flat_unit]), round(float(cum) * SIZE[cum_unit]),
                     float(flat_percent), float(cum_percent), file))
    return rows


def plain_names(spec):
    """go tool pprof shortens C++ names on the screen, which is none of our business."""
    spec.functions = [(re.sub(r"[^a-z0-9_]", "_", f[0]), *f[1:]) for f in spec.functions]
    return spec


def test_top_agrees_with_go_tool_pprof(tool, spec, tmp_path):
    data = build_profile(tool, plain_names(spec))
    (tmp_path / "p.pb.gz").write_bytes(data)
    theirs, _ = go_top(tmp_path / "p.pb.gz", tmp_path)
    ours = own_rows(own_top(tool, data))
    assert {name: (flat, cum) for name, flat, cum, *_ in ours} == theirs
    total = sum(flat for _, flat, *_ in ours)
    for _, flat, cum, flat_percent, cum_percent, _ in ours:
        assert flat_percent == pytest.approx(100 * flat / total, abs=0.006)
        assert cum_percent == pytest.approx(100 * cum / total, abs=0.006)


def test_top_counts_recursion_once(tool, tmp_path):
    spec = plain_names(random_spec(1))
    spec.functions = [("leaf", "", "", 0), ("again", "", "", 0), ("main", "", "", 0)]
    spec.locations = [(0, 0x400100, [(0, 1)]), (0, 0x400200, [(1, 1), (1, 9)]), (0, 0x400300, [(2, 1)])]
    spec.samples = [([0, 1, 1, 1, 2], [1, 30], {}), ([1, 1, 2], [1, 12], {})]
    data = build_profile(tool, spec)
    (tmp_path / "p.pb.gz").write_bytes(data)
    ours = {name: (flat, cum) for name, flat, cum, *_ in own_rows(own_top(tool, data))}
    assert ours == {"leaf": (30, 30), "again": (12, 42), "main": (0, 42)}
    assert go_top(tmp_path / "p.pb.gz", tmp_path)[0] == ours


@pytest.mark.parametrize("order,column", [("flat", 1), ("cum", 2)])
def test_top_is_sorted_the_busiest_first(tool, spec, order, column):
    rows = own_rows(own_top(tool, build_profile(tool, plain_names(spec)), order=order))
    other = 3 - column
    assert rows == sorted(rows, key=lambda r: (-r[column], -r[other], r[0].encode()))
    few = own_top(tool, build_profile(tool, spec), n=5, order=order)
    assert own_rows(few) == rows[:5]
    assert f", 5 of {len(rows)} functions\n" in few


@pytest.mark.parametrize("columns", [60, 80, 100, 120, 200])
def test_top_fits_its_terminal(tool, columns):
    spec = random_spec(1)
    spec.functions = [("n" * i + "ü" * i, "", "", 0) for i in range(1, 100)]
    spec.locations = [(i % 3, spec.mappings[i % 3][0] + 1 + i, [(i, 0)]) for i in range(99)]
    spec.samples = [([i], [1, i + 1], {}) for i in range(99)]
    spec.mappings[1] = (*spec.mappings[1][:3], "/usr/lib/lib" + "x" * 70 + ".so", "", "f")
    text = own_top(tool, build_profile(tool, spec), columns=columns)
    lines = text.splitlines()
    assert len(lines) == 101
    assert max(map(len, lines)) <= columns
    assert any("..." in line for line in lines)
    if columns == 60:
        assert "object" not in lines[1]
        return
    where = lines[1].index("object")
    assert all(line[where - 1] == " " and line[where] != " " for line in lines[2:])


def test_top_says_what_it_is_about(tool):
    spec = random_spec(1)
    spec.functions = [("evil\x1b[31m\\", "", "", 0)]
    spec.locations = [(0, 0x400100, [(0, 1)]), (1, spec.mappings[1][0] + 5, [(0, 2)])]
    spec.samples = [([0], [150, 1_500_000_000], {}), ([1], [1, 10_000_000], {})]
    text = own_top(tool, build_profile(tool, spec), columns=80)
    assert text.splitlines() == [
        "cpu: 1.51s in 10.00s, 151 samples",
        "     flat   flat%       cum    cum%  function        object",
        "    1.51s 100.00%     1.51s 100.00%  evil\\x1b[31m\\\\  main+",
    ]


# ---- what others wrote ------------------------------------------------------------------


def go_like(change=None):
    """A small profile as another program might write it, plain."""
    p = check_profile.profile_pb2().Profile()
    p.string_table.extend(["", "samples", "count", "main", "/bin/x", "comm", "y"])
    p.sample_type.add(type=1, unit=2)
    p.mapping.add(id=70, memory_start=4096, memory_limit=8192, filename=4)
    p.function.add(id=2**63, name=3)
    p.location.add(id=900, mapping_id=70, address=5000).line.add(function_id=2**63, line=1)
    p.location.add(id=3, mapping_id=70, address=5001)
    p.location.add(id=4, address=1)
    p.sample.add(location_id=[900, 3, 4], value=[5]).label.add(key=5, str=6)
    p.string_table.append("pid")
    p.sample[0].label.add(key=7, num=3)
    if change:
        change(p)
    return p.SerializeToString()


@pytest.mark.parametrize("wrap", [lambda b: b, gzip.compress,
                                  lambda b: gzip.compress(b[:9]) + gzip.compress(b[9:])],
                         ids=["plain", "gzip", "two members"])
def test_sparse_ids_and_nameless_frames_are_read(tool, wrap):
    code, out, err = call(tool, "folded", data=wrap(go_like()))
    assert (code, out, err) == (0, b"[unknown];[x];main 5\n", "")


def set_first(what, field, value):
    return lambda p: setattr(getattr(p, what)[0], field, value)


@pytest.mark.parametrize("change,why", [
    (lambda p: p.sample[0].location_id.append(5), "a sample refers to location 5, which is not there"),
    (set_first("location", "mapping_id", 1), "a location refers to mapping 1, which is not there"),
    (lambda p: p.location[0].line.add(), "a line refers to function 0, which is not there"),
    (set_first("mapping", "id", 0), "a mapping has id 0"),
    (lambda p: p.location.add(id=3), "two locations have id 3"),
    (lambda p: p.function.add(id=2**63), f"two functions have id {2**63}"),
    (lambda p: p.mapping.add(id=70), "two mappings have id 70"),
    (set_first("function", "name", 8), "a function has string 8 of 8"),
    (set_first("mapping", "build_id", -1), "a mapping has string -1 of 8"),
    (lambda p: setattr(p.sample[0].label[0], "str", 99), "a label has string 99 of 8"),
    (lambda p: p.comment.append(2**40), f"a comment has string {2**40} of 8"),
    (lambda p: p.sample[0].value.append(1), "a sample has 2 values for 1 sample types"),
    (lambda p: p.ClearField("sample_type"), "it has samples but no sample type"),
    (lambda p: p.string_table.insert(0, "x"), "its string table does not start with an empty string"),
    (lambda p: setattr(p, "drop_frames", 50), "a drop_frames has string 50 of 8"),
])
def test_what_is_wrong_is_said(tool, change, why):
    code, out, err = call(tool, "folded", data=go_like(change))
    assert (code, out) == (1, b"")
    assert err == f"not a valid profile: {why}\n"


@pytest.mark.parametrize("data,why", [
    (b"", "not a profile: it is empty"),
    (b"hello, world", "not a pprof profile, or not a sane one"),
    (gzip.compress(go_like())[:-1], "the compressed profile is cut short or damaged"),
    (gzip.compress(go_like()) + b"more", "the compressed profile is cut short or damaged"),
    (gzip.compress(b"\x12\x00" * 8_000_000), "not a pprof profile, or not a sane one"),
    (gzip.compress(bytes(257 << 20), 1), "the profile is larger than 256 MiB uncompressed"),
], ids=["empty", "text", "cut", "more behind", "amplification", "bomb"])
def test_what_is_no_profile_is_refused(tool, data, why):
    code, out, err = call(tool, "folded", data=data)
    assert (code, out, err) == (1, b"", why + "\n")


def test_strings_that_are_no_text_are_repaired_on_reading(tool):
    data = go_like().replace(b"main", b"m\xffin")
    code, out, err = call(tool, "folded", data=data)
    assert (code, out.decode(), err) == (0, "[unknown];[x];m\ufffdin 5\n", "")
