# SPDX-License-Identifier: Apache-2.0
"""Programs that nobody here wrote read what was recorded: workloads/ratio.c, whose main() calls
turn(), which calls alpha() for 75 % of the time and beta() for 25 %."""
import gzip
import json
import pathlib
import re
import shutil
import subprocess
import xml.etree.ElementTree as ElementTree

import pytest

import go_pprof
from profiles import Profile

HERE = pathlib.Path(__file__).resolve().parent
PROTO = HERE.parent.parent / "proto"
INFERNO = "0.11.15"
SPEEDSCOPE = "1.20.0"  # the last whose importer can be called without its user interface
SECONDS = "2"
POINTS = 6  # on a quiet machine six times what 2000 samples stray by; test_programs is stricter


@pytest.fixture
def recorded(workload, running, record):
    """recorded(*options) records a new process of the program; gives the file."""
    def run(*options, **more):
        process = running([workload("workloads/ratio.c")])
        return record("-p", str(process.pid), "-s", SECONDS, "-F", "999", *options, **more).path

    return run


def must(argv, **more):
    done = subprocess.run([str(word) for word in argv], capture_output=True, text=True,
                          check=False, **more)
    assert done.returncode == 0, f"{argv}: {done.stdout}{done.stderr}"
    return done.stdout


# ---- go tool pprof -----------------------------------------------------------------------


def test_go_tool_pprof_top(recorded, pprof):
    lines = pprof("-top", recorded()).splitlines()
    rows = {line.split()[5]: line.split() for line in lines if re.match(r"\s+[\d.]+m?s? .*%", line)}
    assert float(rows["alpha"][1].rstrip("%")) == pytest.approx(75, abs=POINTS)
    assert float(rows["beta"][1].rstrip("%")) == pytest.approx(25, abs=POINTS)
    assert float(rows["main"][4].rstrip("%")) > 98
    assert "Type: cpu" in lines


def test_go_tool_pprof_raw(recorded, pprof):
    path = recorded()
    text = pprof("-raw", path)
    assert "samples/count cpu/nanoseconds" in text
    assert re.search(rf"^Period: {10 ** 9 // 999}$|^Period: {10 ** 9 // 999}\n", text, re.MULTILINE)
    assert re.search(r"^ +\d+: 0x[0-9a-f]+ M=1 alpha ", text, re.MULTILINE)
    assert re.search(r"^1: 0x\w+/0x\w+/0x\w+ .*/ratio [0-9a-f]{40} \[FN\]$", text, re.MULTILINE)


def test_go_tool_pprof_traces(recorded, pprof):
    assert re.search(r"^ +\S+ +alpha\n +turn\n +main\n", pprof("-traces", recorded()), re.MULTILINE)


def test_go_tool_pprof_peek(recorded, pprof):
    text = pprof("-peek", "^turn$", recorded())
    callees = text.split("| turn", 1)[1]
    for name, share in (("alpha", 75), ("beta", 25)):
        seen = float(re.search(rf"([\d.]+)% \| +{name}", callees).group(1))
        assert seen == pytest.approx(share, abs=POINTS)


def test_go_tool_pprof_svg(recorded, pprof, tmp_path):
    pprof("-svg", "-output", tmp_path / "graph.svg", recorded())
    text = " ".join(ElementTree.parse(tmp_path / "graph.svg").getroot().itertext())
    assert {"alpha", "beta", "turn", "main"} <= set(text.split())


# ---- pprof's own package, protoc ---------------------------------------------------------


def test_pprofs_package_counts_as_we_do(recorded):
    path = recorded()
    profile = Profile(path)
    [seen] = go_pprof.read(path)["files"]
    assert seen["samples"] == len(profile.stacks)
    assert seen["totals"] == [profile.samples, profile.samples * profile.period]
    for name, share in profile.flat().items():
        assert seen["functions"][name]["flat"] == pytest.approx(share / 100 * seen["totals"][1])


def places(profile):
    """What merging compares locations by: their place in their mapping, and which that is."""
    starts = {m.id: (m.memory_start, profile.p.string_table[m.filename])
              for m in profile.p.mapping}
    return {(starts[l.mapping_id][1], l.address - starts[l.mapping_id][0])
            for l in profile.p.location}


def test_two_runs_of_a_pie_merge_into_one(recorded):
    paths = [recorded(name="first.pb.gz"), recorded(name="second.pb.gz")]
    first, second = map(Profile, paths)
    assert first.p.mapping[0].memory_start != second.p.mapping[0].memory_start, "no ASLR here"
    merged = go_pprof.read(*paths)["merged"]
    assert merged["totals"][0] == first.samples + second.samples
    assert merged["locations"] == len(places(first) | places(second))
    assert merged["locations"] < len(places(first)) + len(places(second))


def test_protoc_decodes(recorded):
    data = gzip.decompress(recorded().read_bytes())
    done = subprocess.run(["protoc", f"--proto_path={PROTO}", "profile.proto",
                           "--decode=perftools.profiles.Profile"],
                          input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    assert 'string_table: "alpha"' in text
    assert not re.search(r"^\s*\d+:", text, re.MULTILINE), "a field that the schema lacks"


# ---- folded stacks -----------------------------------------------------------------------


@pytest.fixture
def folded(recorded):
    return recorded("--format", "folded", name="stacks.folded")


def totals_of(path):
    """Samples in all, and by the last name of the line."""
    total, by_leaf = 0, {}
    for line in path.read_text().splitlines():
        stack, count = line.rsplit(" ", 1)
        leaf = stack.split(";")[-1]
        by_leaf[leaf] = by_leaf.get(leaf, 0) + int(count)
        total += int(count)
    return total, by_leaf


@pytest.fixture
def inferno(cache):
    """inferno-flamegraph, built from its crate when this machine has not built it yet."""
    root = cache(f"inferno-{INFERNO}")
    program = root / "bin/inferno-flamegraph"
    if not program.exists():
        must(["cargo", "install", "inferno", "--version", INFERNO, "--locked", "--root", root,
              "--no-default-features", "--features", "cli", "--bin", "inferno-flamegraph"])
    return program


@pytest.mark.limit(900)
def test_infernos_flame_graph(folded, inferno):
    total, by_leaf = totals_of(folded)
    svg = must([inferno, folded])
    titles = dict(re.findall(r"<title>(\S+) \(([\d,]+) samples, [\d.]+%\)</title>", svg))
    assert int(titles["all"].replace(",", "")) == total
    assert int(titles["alpha"].replace(",", "")) >= by_leaf["alpha"]
    assert by_leaf["alpha"] / total == pytest.approx(0.75, abs=POINTS / 100)
    assert int(titles["turn"].replace(",", "")) > 0.98 * total


@pytest.fixture
def speedscope(cache):
    """The unpacked npm package."""
    root = cache(f"speedscope-{SPEEDSCOPE}")
    if not (root / "package/dist").exists():
        said = must(["npm", "pack", "--silent", f"speedscope@{SPEEDSCOPE}"], cwd=root)
        must(["tar", "-xf", said.split()[-1]], cwd=root)
    return root / "package"


@pytest.mark.limit(300)
def test_speedscope_imports(folded, speedscope):
    node = shutil.which("node") or shutil.which("nodejs")
    seen = json.loads(must([node, HERE / "speedscope.js", speedscope, folded]))
    total, by_leaf = totals_of(folded)
    assert seen["profiles"] == 1 and seen["total"] == total
    for name, count in by_leaf.items():
        assert seen["frames"][name]["self"] == count
    assert seen["frames"]["turn"]["total"] > 0.98 * total


def test_the_top_table_leads_with_alpha(recorded):
    lines = recorded("--format", "top", name="top.txt").read_text().splitlines()
    rows = [line.split() for line in lines if re.search(r"\d%", line)]
    assert rows[0][-2] == "alpha" and rows[1][-2] == "beta", lines
