# SPDX-License-Identifier: Apache-2.0
"""check_profile.py finds what is wrong: every rule is broken once, on purpose."""
import os
import struct
import subprocess
import sys
import zlib

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../live"))
import check_profile  # noqa: E402


class Draft:
    """A good profile to spoil: the message, and how it is wrapped."""

    def __init__(self):
        self.p = p = check_profile.profile_pb2().Profile()
        self.expect = {}
        self.flags, self.mtime, self.system, self.trailing = 0, 0, 255, b""
        self.plain = None
        p.string_table.append("")
        self.type(p.sample_type.add(), "samples", "count")
        self.type(p.sample_type.add(), "cpu", "nanoseconds")
        self.type(p.period_type, "cpu", "nanoseconds")
        p.period, p.time_nanos, p.duration_nanos = 10101010, 1_700_000_000 * 10**9, 10**10
        p.comment.append(self.s("cprofd on host"))
        self.mapping(0x400000, 0x500000, "/usr/bin/main", "0a1b")
        self.mapping(0x7F0000000000, 0x7F0000100000, "/usr/lib/libfoo.so.1", "ff00")
        self.function("work(int)", "_Z4worki", "work.cc", 10)
        self.function("main", "main", "main.c", 1)
        self.function("[libfoo.so.1]", "", "", 0)
        self.location(1, 0x400100, [(1, 12), (2, 3)])
        self.location(1, 0x400200, [(2, 5)])
        self.location(2, 0x7F0000000010, [(3, 0)])
        self.sample([1, 2], [1, 10101010])
        self.sample([3, 2], [2, 20202020])

    def s(self, text):
        if text not in self.p.string_table:
            self.p.string_table.append(text)
        return list(self.p.string_table).index(text)

    def type(self, t, name, unit):
        t.type, t.unit = self.s(name), self.s(unit)

    def mapping(self, start, limit, filename, build_id):
        m = self.p.mapping.add(id=len(self.p.mapping) + 1, memory_start=start, memory_limit=limit,
                               filename=self.s(filename), build_id=self.s(build_id))
        m.has_functions = m.has_filenames = m.has_line_numbers = m.has_inline_frames = True
        return m

    def function(self, name, system_name, filename, start_line):
        return self.p.function.add(id=len(self.p.function) + 1, name=self.s(name),
                                   system_name=self.s(system_name), filename=self.s(filename),
                                   start_line=start_line)

    def location(self, mapping, address, lines):
        l = self.p.location.add(id=len(self.p.location) + 1, mapping_id=mapping, address=address)
        for function, line in lines:
            l.line.add(function_id=function, line=line)
        return l

    def sample(self, locations, values, labels=()):
        s = self.p.sample.add(location_id=locations, value=values)
        for key, value in labels:
            s.label.add(key=self.s(key), str=self.s(value))
        return s

    def label(self, *pairs):
        for sample in self.p.sample:
            for key, value in pairs:
                sample.label.add(key=self.s(key), str=self.s(value))

    def set_string(self, old, new):
        self.p.string_table[list(self.p.string_table).index(old)] = new

    def bytes(self):
        plain = self.p.SerializeToString() if self.plain is None else self.plain
        d = zlib.compressobj(9, zlib.DEFLATED, -15)
        header = struct.pack("<4BIBB", 0x1F, 0x8B, 8, self.flags, self.mtime, 0, self.system)
        name = b"name\0" if self.flags & 8 else b""
        return (header + name + d.compress(plain) + d.flush() +
                struct.pack("<2I", zlib.crc32(plain), len(plain)) + self.trailing)


SPOILERS = []


def breaks(*rules):
    """The spoiler must be caught by these rules and by no other."""

    def keep(spoiler):
        SPOILERS.append(pytest.param(set(rules), spoiler, id=spoiler.__name__))
        return spoiler

    return keep


@breaks("one_gzip_member")
def two_members(d):
    d.trailing = d.bytes()


@breaks("gzip_header_tells_nothing")
def a_time_in_the_header(d):
    d.mtime = 1


@breaks("gzip_header_tells_nothing")
def a_name_in_the_header(d):
    d.flags = 8


@breaks("gzip_header_tells_nothing")
def an_operating_system(d):
    d.system = 3


@breaks("not_empty", "first_string_is_empty", "sample_types_are_as_expected", "period_is_there",
        "time_is_wall_clock", "duration_is_positive", "types_are_fit_for_metrics",
        "string_indices_are_in_range")
def nothing(d):
    d.plain = b""


@breaks("strings_are_utf8", "message_parses")
def a_latin_1_string(d):
    d.set_string("main.c", "m@in.c")
    d.plain = d.p.SerializeToString().replace(b"m@in.c", b"m\xe4in.c")


@breaks("first_string_is_empty")
def no_empty_string(d):
    for f in d.p.function:
        f.system_name = f.system_name or f.name
        f.filename = f.filename or f.name
    d.p.string_table[0] = "x"


@breaks("strings_are_distinct")
def a_string_twice(d):
    d.p.string_table.append("main")


@breaks("only_fields_1_to_14")
def a_doc_url(d):
    d.p.doc_url = 1


@breaks("fields_are_in_order")
def samples_last(d):
    rest = d.p.SerializeToString()
    only = type(d.p)(sample=[d.p.sample.pop()])
    d.plain = d.p.SerializeToString() + only.SerializeToString()
    assert len(d.plain) == len(rest)


@breaks("ids_are_1_to_n")
def sparse_location_ids(d):
    d.p.location[2].id = d.p.sample[1].location_id[0] = 7


@breaks("ids_are_1_to_n")
def sparse_mapping_ids(d):
    d.p.mapping[1].id = d.p.location[2].mapping_id = 7


@breaks("ids_are_1_to_n")
def sparse_function_ids(d):
    d.p.function[2].id = d.p.location[2].line[0].function_id = 7


@breaks("string_indices_are_in_range")
def a_string_that_is_not_there(d):
    d.p.function[1].system_name = 1000


@breaks("ids_are_known", "locations_are_used")
def a_location_that_is_not_there(d):
    d.p.sample[1].location_id[0] = 99


@breaks("ids_are_known", "mappings_are_used", "unnamed_frames_are_called_by_their_object")
def a_mapping_that_is_not_there(d):
    d.p.location[2].mapping_id = 99


@breaks("ids_are_known", "functions_are_used")
def a_function_that_is_not_there(d):
    d.p.location[2].line[0].function_id = 99


@breaks("samples_are_sorted")
def samples_in_any_order(d):
    last = d.p.sample.pop()
    d.p.sample.insert(0, last)


@breaks("samples_are_distinct")
def a_sample_twice(d):
    d.p.sample.append(d.p.sample[1])


@breaks("sample_types_are_as_expected")
def other_types(d):
    d.expect["types"] = [("samples", "count")]


@breaks("types_are_fit_for_metrics")
def a_dash_in_a_type(d):
    d.type(d.p.sample_type[0], "cpu-samples", "count")


@breaks("four_sample_types_at_most")
def five_types(d):
    for i in range(3):
        d.type(d.p.sample_type.add(), f"more{i}", "count")
    for s in d.p.sample:
        s.value.extend([0, 0, 0])


@breaks("period_is_there", "types_are_fit_for_metrics")
def no_period_type(d):
    d.p.ClearField("period_type")


@breaks("period_is_there")
def no_period(d):
    d.p.period = 0


@breaks("period_is_there")
def another_period_type(d):
    d.expect["period_type"] = ("wallclock", "nanoseconds")


@breaks("default_sample_type_is_unset")
def a_default_type(d):
    d.p.default_sample_type = 1


@breaks("frames_are_not_dropped")
def dropped_frames(d):
    d.p.drop_frames = 1


@breaks("time_is_wall_clock")
def monotonic_time(d):
    d.p.time_nanos = 3600 * 10**9


@breaks("duration_is_positive")
def no_duration(d):
    d.p.duration_nanos = 0


@breaks("comments_are_for_people")
def a_comment_for_machines(d):
    d.p.comment.append(d.s("executableInfo=1"))


@breaks("comments_are_for_people")
def an_empty_comment(d):
    d.p.comment.append(0)


@breaks("samples_have_locations")
def a_sample_without_a_stack(d):
    d.p.sample.insert(0, type(d.p.sample[0])(value=[1, 1]))


@breaks("samples_have_a_value_for_each_type")
def a_value_too_few(d):
    d.p.sample[0].value.pop()


@breaks("values_are_not_negative")
def a_negative_value(d):
    d.p.sample[0].value[1] = -1


@breaks("values_are_not_all_zero")
def a_sample_of_nothing(d):
    d.p.sample[0].value[:] = [0, 0]


@breaks("mapping_ranges_are_ranges", "addresses_are_in_their_mappings")
def an_empty_mapping(d):
    d.p.mapping[1].memory_limit = d.p.mapping[1].memory_start


@breaks("mappings_are_distinct", "mappings_are_used")
def a_mapping_twice(d):
    copy = d.p.mapping.add()
    copy.CopyFrom(d.p.mapping[1])
    copy.id = 3


@breaks("mappings_are_used")
def an_unused_mapping(d):
    d.mapping(0x7F1000000000, 0x7F1000001000, "/usr/lib/libbar.so", "")


@breaks("main_mapping_is_first")
def another_main_mapping(d):
    d.expect["main"] = "/usr/bin/other"


@breaks("main_mapping_is_first")
def the_vdso_first(d):
    d.set_string("/usr/bin/main", "[vdso]")


@breaks("filenames_are_not_deleted")
def a_deleted_file(d):
    d.set_string("/usr/bin/main", "/usr/bin/main (deleted)")


@breaks("mappings_have_filenames", "main_mapping_is_first")
def a_mapping_without_a_name(d):
    d.p.mapping[0].filename = 0


@breaks("build_ids_are_lower_case_hex")
def an_upper_case_build_id(d):
    d.set_string("ff00", "FF00")


@breaks("kernel_is_one_mapping")
def two_kernels(d):
    for i in (3, 4):
        d.mapping(0xFFFFFFFF80000000 + i, 0xFFFFFFFF90000000, "[kernel.kallsyms]", "")
        d.location(i, 0xFFFFFFFF80000010, [(2, 1)])
        d.sample([i + 1], [1, 1])
    assert [s.location_id[-1] for s in d.p.sample] == [2, 2, 4, 5]


@breaks("kernel_is_one_mapping")
def a_kernel_by_another_name(d):
    d.mapping(0xFFFFFFFF80000000, 0xFFFFFFFF90000000, "[kernel]", "")
    d.location(3, 0xFFFFFFFF80000010, [(2, 1)])
    d.sample([4], [1, 1])


@breaks("attempted_mappings_have_functions")
def a_mapping_without_functions(d):
    d.p.mapping[1].has_functions = False


@breaks("addresses_only_when_asked")
def names_though_only_addresses_were_asked(d):
    d.expect["symbolized"] = False


@breaks("has_flags_are_truthful")
def denied_filenames(d):
    d.p.mapping[0].has_filenames = False


@breaks("has_flags_are_truthful")
def denied_lines(d):
    d.p.mapping[0].has_line_numbers = False


@breaks("has_flags_are_truthful")
def denied_inline_frames(d):
    d.p.mapping[0].has_inline_frames = False


@breaks("locations_are_distinct")
def two_locations_at_an_address(d):
    d.p.location[1].address = d.p.location[0].address


@breaks("addresses_are_not_zero", "addresses_are_in_their_mappings")
def an_address_of_zero(d):
    d.p.location[0].address = 0


@breaks("addresses_are_in_their_mappings")
def an_address_outside(d):
    d.p.location[0].address = 0x600000


@breaks("locations_are_used")
def an_unused_location(d):
    d.location(1, 0x400300, [(2, 9)])


@breaks("locations_have_lines", "functions_are_used")
def a_location_without_lines(d):
    del d.p.location[2].line[:]


@breaks("locations_are_not_folded")
def a_folded_location(d):
    d.p.location[0].is_folded = True


@breaks("line_numbers_are_not_negative")
def a_negative_line(d):
    d.p.location[0].line[0].line = -1


@breaks("line_numbers_are_not_negative")
def a_negative_start_line(d):
    d.p.function[0].start_line = -1


@breaks("functions_have_names")
def a_function_without_a_name(d):
    d.p.function[1].name = 0


@breaks("functions_are_distinct")
def a_function_twice(d):
    f = d.function("main", "main", "main.c", 1)
    d.p.location[1].line[0].function_id = f.id


@breaks("functions_are_used")
def an_unused_function(d):
    d.function("idle", "idle", "", 0)


@breaks("names_are_demangled")
def a_mangled_name(d):
    d.p.function[0].name = d.p.function[0].system_name


@breaks("unnamed_frames_are_called_by_their_object")
def the_wrong_object(d):
    d.set_string("[libfoo.so.1]", "[libbar.so]")


@breaks("labels_are_strings")
def a_numeric_label(d):
    d.p.sample[0].label.add(key=d.s("pid"), num=3)


@breaks("label_keys_are_known")
def an_unknown_label(d):
    d.label(("host", "a"))


@breaks("a_key_has_one_value")
def a_label_twice(d):
    d.label(("pid", "1"), ("pid", "2"))


@breaks("label_keys_are_sorted")
def labels_in_any_order(d):
    d.label(("pid", "1"), ("comm", "a"))


@breaks("expected_labels_are_there")
def labels_missing(d):
    d.label(("pid", "1"))
    d.expect["labels"] = {"pid", "comm"}


def test_a_good_profile_passes():
    draft = Draft()
    draft.expect = {"types": [("samples", "count"), ("cpu", "nanoseconds")],
                    "period_type": ("cpu", "nanoseconds"), "main": "/usr/bin/main"}
    assert check_profile.check(draft.bytes(), draft.expect) == []


def test_an_idle_profile_passes():
    draft = Draft()
    for field in ("sample", "location", "function", "mapping"):
        draft.p.ClearField(field)
    assert check_profile.check(draft.bytes()) == []


def test_labels_pass_where_they_are_expected():
    draft = Draft()
    draft.label(("comm", "a"), ("pid", "1"))
    assert check_profile.check(draft.bytes(), {"labels": {"pid", "comm"}}) == []


@pytest.mark.parametrize("rules,spoiler", SPOILERS)
def test_a_broken_rule_is_found(rules, spoiler):
    draft = Draft()
    spoiler(draft)
    found = check_profile.check(draft.bytes(), draft.expect)
    assert {violation.split(":")[0] for violation in found} == rules, found


def test_every_rule_was_broken():
    broken = set().union(*(p.values[0] for p in SPOILERS))
    assert {r.__name__ for r in check_profile.RULES} == broken


@pytest.mark.parametrize("data", [b"", b"hello", Draft().bytes()[:-9]],
                         ids=["empty", "text", "cut short"])
def test_what_is_no_profile_is_unreadable(data):
    assert [v.split(":")[0] for v in check_profile.check(data)] == ["readable"]


def test_the_command_says_what_is_wrong(tmp_path):
    good, bad = tmp_path / "good.pb.gz", tmp_path / "bad.pb.gz"
    good.write_bytes(Draft().bytes())
    draft = Draft()
    draft.mtime = 1
    bad.write_bytes(draft.bytes())
    command = [sys.executable, check_profile.__file__]
    assert subprocess.run(command + [good]).returncode == 0
    result = subprocess.run(command + [good, bad], stdout=subprocess.PIPE, text=True)
    assert result.returncode == 1
    assert result.stdout == f"{bad}: gzip_header_tells_nothing: the gzip header has a time in it\n"
