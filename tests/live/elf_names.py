# SPDX-License-Identifier: Apache-2.0
"""What names code in an ELF file may have: what readelf says of its segments and symbols."""
import bisect
import functools
import re
import subprocess


def _readelf(option, path):
    return subprocess.run(["readelf", "-W", option, path], capture_output=True, text=True,
                          errors="replace", check=True).stdout


class ElfNames:
    def __init__(self, path):
        self.loads = [tuple(int(x, 16) for x in found.groups()) for found in re.finditer(
            r"^  LOAD +(0x\w+) (0x\w+) 0x\w+ (0x\w+) ", _readelf("-l", path), re.MULTILINE)]
        symbols = set()
        for line in _readelf("-s", path).splitlines():
            word = line.split()
            if len(word) < 8 or word[3] not in ("FUNC", "IFUNC") or word[6] == "UND":
                continue
            size = int(word[2], 0)
            symbols.add((int(word[1], 16), size, re.sub(r"@.*", "", word[7])))
        self.symbols = sorted(symbols)
        self.starts = [s[0] for s in self.symbols]
        self.longest = max((s[1] for s in self.symbols), default=0)

    def address(self, offset):
        """The virtual address of what is at `offset` of the file."""
        for start, vaddr, size in self.loads:
            if start <= offset < start + size:
                return offset - start + vaddr
        raise ValueError(f"no segment holds offset {offset:#x}")

    def at(self, offset):
        """The names of the functions that hold the byte at `offset`, which have a size."""
        address, found = self.address(offset), set()
        i = bisect.bisect_right(self.starts, address) - 1
        while i >= 0 and self.symbols[i][0] + self.longest > address:
            start, size, name = self.symbols[i]
            if address < start + size:
                found.add(name)
            i -= 1
        return found


@functools.lru_cache(maxsize=None)
def elf_names(path):
    return ElfNames(path)


def assert_names(profile, path):
    """Every frame of the file `path` has one of the names that readelf knows there or, where there
    is none, the file's own in brackets. Returns the numbers of frames with a name and without."""
    elf, named, nameless = elf_names(path), 0, 0
    base = f"[{path.rsplit('/', 1)[1]}]"
    for frame in {f for frames, _, _ in profile.stacks for f in frames if f.file == path}:
        known = elf.at(frame.offset)
        where = f"{path} at offset {frame.offset:#x}"
        if frame.name == base:
            assert not known, f"{where} has no name, though it is in {known}"
            nameless += 1
        elif known:
            assert frame.system_name in known, f"{where} is {frame.system_name}, not in {known}"
            named += 1
    return named, nameless
