#!/bin/sh
# Holds the house's one structural rule: a room includes only itself and rooms on floors below it.
# Prints each offending line as file:line and fails if there is any.
set -u
cd "${top_srcdir:-.}" || exit 1

find src include/kinkd -name '*.[ch]' | sort | xargs awk '
# The floor of each room. Seam headers (kinkd) hold words and may stand on base alone.
BEGIN {
	floor["base"] = 1
	floor["kinkd"] = 2
	floor["wire"] = 3
	floor["crypto"] = 3
	floor["control"] = 3
	floor["kerberos"] = 4
	floor["policy"] = 5
	floor["sa"] = 6
	floor["kx"] = 7
	floor["kx/quick"] = 8
	floor["kx/auth"] = 8
	floor["kx/kink"] = 9
	floor["kx/ikev1"] = 9
	floor["kx/ikev2"] = 9
	floor["dataplane"] = 10
	floor["dataplane/record"] = 11
	floor["dataplane/userspace"] = 11
	floor["dataplane/xfrm"] = 11
	floor["daemon"] = 12
	floor["ctl"] = 13
	# Two rooms that may reach no further than this list.
	only["ctl"] = "ctl control base"
	only["wire"] = "wire base"
	only["control"] = "control base"
	only["crypto"] = "crypto base kinkd"
	only["kerberos"] = "kerberos crypto base kinkd"
	# kx.c lists the methods: the one place that looks up.
	allowed["src/kx/methods.c"] = "kx/kink kx/ikev1 kx/ikev2"
}
function room_of(path) {
	sub(/^src\//, "", path)
	sub(/^include\//, "", path)
	sub(/\/[^\/]*$/, "", path)
	return path
}
function listed(word, list) {
	return index(" " list " ", " " word " ") > 0
}
/^[ \t]*#[ \t]*include[ \t]*"/ {
	split($0, part, "\"")
	if (part[2] !~ /\//)
		next # config.h
	here = room_of(FILENAME)
	there = room_of(part[2])
	why = ""
	if (!(here in floor))
		why = "the room " here " has no floor in tests/layering.sh"
	else if (!(there in floor))
		why = "no such room: " there
	else if (here == there || listed(there, allowed[FILENAME]))
		next
	else if (here in only && !listed(there, only[here]))
		why = here " may include only: " only[here]
	else if (floor[there] >= floor[here])
		why = here " (floor " floor[here] ") must not include " there " (floor " floor[there] ")"
	if (why != "") {
		printf "%s:%d: %s\n    %s\n", FILENAME, FNR, why, $0
		bad++
	}
}
END {
	exit bad > 0
}
'
