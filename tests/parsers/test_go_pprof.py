# SPDX-License-Identifier: Apache-2.0
"""What pprof's own package makes of a written profile."""
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../live"))
import go_pprof  # noqa: E402
from test_report_profile import (DURATION_NS, TIME_NS, build_profile, plain_names,  # noqa: E402
                                 random_spec, tool)  # noqa: F401


@pytest.fixture
def write(tool, tmp_path):  # noqa: F811
    def to(name, spec):
        path = tmp_path / name
        path.write_bytes(build_profile(tool, spec))
        return path

    return to


def totals_of(spec):
    found = {}
    for stack, values, _ in spec.samples:
        frames = [spec.functions[f][0] for i in stack for f, _ in spec.locations[i][2]]
        for name in set(frames):
            found.setdefault(name, {"flat": 0, "cum": 0})["cum"] += values[-1]
        found[frames[0]]["flat"] += values[-1]
    return found


def moved(spec, by):
    """The same program, mapped elsewhere."""
    spec.mappings = [(start + by, limit + by, *rest) for start, limit, *rest in spec.mappings]
    spec.locations = [(mapping, address if mapping is None else address + by, lines)
                      for mapping, address, lines in spec.locations]
    return spec


@pytest.mark.limit(600)  # go compiles its library once
def test_it_parses_and_says_the_same(write):
    spec = random_spec(1)
    (found,) = go_pprof.read(write("a.pb.gz", spec))["files"]
    assert found["sample_types"] == [list(t) for t in spec.types]
    assert (found["period_type"], found["period"]) == (list(spec.period[:2]), spec.period[2])
    assert (found["time_ns"], found["duration_ns"]) == (TIME_NS, DURATION_NS)
    assert found["comments"] == spec.comments
    assert found["samples"] == len(spec.samples)
    assert found["totals"] == [sum(v) for v in zip(*(values for _, values, _ in spec.samples))]
    assert found["locations"] == len({i for stack, *_ in spec.samples for i in stack})
    assert found["mappings"][0] == "/usr/bin/main"
    assert found["functions"] == totals_of(spec)
    for key in ("pid", "comm", "unit"):
        sums = {}
        for _, values, labels in spec.samples:
            if key in labels:
                sums[labels[key]] = sums.get(labels[key], 0) + values[-1]
        assert found["labels"][key] == sums


@pytest.mark.limit(600)
def test_two_runs_of_a_program_merge_whatever_their_addresses(write):
    first, second = random_spec(2), moved(random_spec(2), 0x5550000000)
    for spec in first, second:
        # pprof tells mappings of one size apart by build ID, or by file name and offset
        spec.locations = [l for l in spec.locations if l[0] is not None]
        spec.samples = [s for s in spec.samples if max(s[0]) < len(spec.locations)]
    found = go_pprof.read(write("a.pb.gz", first), write("b.pb.gz", second))
    a, b = found["files"]
    assert a["locations"] == b["locations"] > 50
    assert found["merged"]["locations"] == a["locations"]
    assert found["merged"]["samples"] == a["samples"]
    assert found["merged"]["totals"] == [2 * v for v in a["totals"]]
    assert found["merged"]["functions"] == {
        name: {"flat": 2 * t["flat"], "cum": 2 * t["cum"]} for name, t in a["functions"].items()}


@pytest.mark.limit(600)
def test_another_build_of_a_program_does_not_merge(write):
    first, second = plain_names(random_spec(2)), plain_names(random_spec(2))
    second.mappings = [(*m[:4], "ee" * 20, m[5]) for m in second.mappings]
    found = go_pprof.read(write("a.pb.gz", first), write("b.pb.gz", second))
    assert found["merged"]["locations"] > found["files"][0]["locations"]


def test_what_is_no_profile_is_an_error(tmp_path):
    (tmp_path / "x").write_bytes(b"hello")
    with pytest.raises(ValueError):
        go_pprof.read(tmp_path / "x")
