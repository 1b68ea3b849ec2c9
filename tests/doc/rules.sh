#!/bin/sh
# Whether each row of doc/rfc4430.md and doc/rfc2409.md is held by tests that exist, or says that it
# is left out. With a file as argument: that one.

# exists FILE NAME
exists() {
	case $1 in
	test-steps)
		grep -qF "{\"$2\"," "$top_srcdir/tests/sim/test-steps.c"
		;;
	test-*)
		cat "$top_srcdir/tests/unit/$1.c" "$top_srcdir/tests/sim/$1.c" 2>/dev/null |
			tr -d '\n\t' |
			grep -q "cmocka_unit_test[a-z_]*($2[,)]"
		;;
	*)
		cat "$top_srcdir/tests/system/$1" "$top_srcdir/tests/interop/$1" 2>/dev/null |
			grep -qF -- "$2"
		;;
	esac
}

# The rows as "line<TAB>what kinkd does<TAB>tests, each followed by a newline in the record".
rows() {
	sed 's/\\|/ or /g' "$1" | awk -F ' *[|] *' '
		/^\| (section|---)/ || !/^\|/ { next }
		NF != 6 || $2 == "" || $3 == "" { print NR "\tbroken\t" $0; next }
		{ print NR "\t" $4 "\t" $5 }'
}

# check FILE: prints what is wrong.
check() {
	tab=$(printf '\t')
	rows "$1" | while IFS=$tab read -r line what tests; do
		case $what/$tests in
		broken/*) echo "line $line: no row of four cells: $tests" ;;
		"Left out: "*/—) ;;
		*/—) echo "line $line: no test, and no word on why it is left out" ;;
		*)
			echo "$tests" | sed 's/`, `/`\n`/g' | while read -r test; do
				file=${test#\`}
				file=${file%%: *}
				name=${test#*: }
				name=${name%\`}
				exists "$file" "$name" || echo "line $line: there is no test $test"
			done
			;;
		esac
	done
}

top_srcdir=${top_srcdir:-$(dirname "$0")/../..}
# hold FILE ROWS: fails when something is wrong with it, or there are not so many rows.
hold() {
	problems=$(check "$1")
	count=$(rows "$1" | wc -l)
	if [ -n "$problems" ] || [ "$count" -lt "$2" ]; then
		echo "$problems"
		echo "$1: $count rows"
		exit 1
	fi
}

if [ $# -gt 0 ]; then
	hold "$1" 1
	exit 0
fi
table=$top_srcdir/doc/rfc4430.md
hold "$table" 100
hold "$top_srcdir/doc/rfc2409.md" 40

# It would notice.
changed=$(mktemp) || exit 1
trap 'rm -f "$changed"' EXIT
for change in 's/existing_spi_is_refused/existing_spi_is_welcome/' 's/`test-steps: renew`/`test-steps: renown`/' \
	's/dead-peer: SAs come anew/dead-peer: SAs come never/' 's/| `test-sad: responders_do_not_rekey.*/| — |/' \
	's/| Left out: there is but one of each/| no/'; do
	sed "$change" "$table" >"$changed"
	if cmp -s "$changed" "$table" || top_srcdir=$top_srcdir sh "$0" "$changed" >/dev/null; then
		echo "not noticed: $change"
		exit 1
	fi
done
