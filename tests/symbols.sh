#!/bin/sh
# Each function has one home: what kinkd is linked from defines no name twice. From a library the
# linker would silently leave out the second. Prints each such name with its places.
set -u
cd "${top_builddir:-.}" || exit 1

objects=$(for source in "${top_srcdir:-.}"/src/daemon/*.c; do
	object=src/daemon/$(basename "$source" .c).o
	[ ! -e "$object" ] || echo "$object"
done)
# shellcheck disable=SC2086 # one word per object
nm --defined-only --extern-only --print-file-name lib*.a $objects | awk '
$2 ~ /^[BDRT]$/ {
	sub(/:[0-9a-f]*$/, "", $1)
	places[$3] = places[$3] " " $1
	count[$3]++
}
END {
	for (name in count) {
		if (count[name] > 1) {
			print name ":" places[name]
			bad++
		}
	}
	exit bad > 0
}
'
