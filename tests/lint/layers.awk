# SPDX-License-Identifier: Apache-2.0
# layers.awk - who includes whom, against layers.txt
#
#   awk -f layers.awk layers.txt FILE...
#
# Reports each #include "part/file.h" that the table does not allow, and each file and each
# included part that the table does not know. Exits 1 when there was any.

# The part that a path of the tree or of an #include belongs to.
function part_of_path(path, word, n) {
	n = split(path, word, "/")
	return word[1] == "lib" || word[1] == "daemon" ? word[2] : word[1]
}

function part_of_include(header) {
	if (header == "abi.h" || header ~ /^bpf\//)
		return "bpf"
	return header ~ /\// ? substr(header, 1, index(header, "/") - 1) : part
}

function complain(what) {
	printf "%s:%d: %s\n", FILENAME, FNR, what
	bad = 1
}

FILENAME == ARGV[1] {
	if (!/^#/ && NF) {
		known[$1] = 1
		for (i = 2; i <= NF; i++)
			may[$1, $i] = 1
	}
	next
}

FNR == 1 {
	part = part_of_path(FILENAME)
	if (!(part in known))
		complain("part " part " is not in " ARGV[1])
}

match($0, /^[ \t]*#[ \t]*include[ \t]*"[^"]+"/) {
	split($0, quoted, "\"")
	header = quoted[2]
	target = part_of_include(header)
	if (!(target in known))
		complain("includes " header ", whose part " target " is not in " ARGV[1])
	else if (target != part && !((part, target) in may) && !((part, header) in may))
		complain(part " may not include " header)
}

END { exit bad }
