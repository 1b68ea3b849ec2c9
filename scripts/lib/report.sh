# shellcheck shell=bash
# Counts of what was checked, and the last line that says them. Needs terminal.sh.

passed=0
failed=0
skipped=0

# result STATUS NAME [WHY]
result() {
	case $1 in
	pass) passed=$((passed + 1)) ;;
	fail)
		failed=$((failed + 1))
		say failed "$terminal_bad$2$terminal_off${3:+: $3}"
		;;
	skip)
		skipped=$((skipped + 1))
		say skipped "$2${3:+: $3}"
		;;
	esac
}

# result_script KIND NAME LOG STATUS [SECONDS]: what a script said that prints lines "ok N - what" and
# "not ok N - what: why", or "skip: why" and ended with status 77.
result_script() {
	local kind=$1 name=$2 log=$3 status=$4 seconds=${5:-} good bad

	if [ "$status" = 77 ]; then
		result skip "$name" "$(sed -n 's/^skip: //p' "$log")"
		return
	fi
	good=$(grep -c '^ok ' "$log")
	bad=$(grep -c '^not ok ' "$log")
	passed=$((passed + good))
	if [ "$bad" -gt 0 ]; then
		while read -r line; do
			result fail "$name" "${line#not ok * - }"
		done < <(grep '^not ok ' "$log")
	elif [ "$status" != 0 ] || [ "$good" = 0 ]; then
		result fail "$name" "ended with status $status"
		bad=1
	fi
	if [ "$bad" -gt 0 ]; then
		tail -n 40 "$log" | sed 's/^/    /'
	else
		say "$kind" "$name: $good passed${seconds:+ in $seconds s}"
	fi
}

# The last line; fails when anything did.
result_end() {
	printf '%s%d passed, %d failed%s%s\n' "$terminal_bold" "$passed" "$failed" \
		"$([ "$skipped" = 0 ] || echo ", $skipped skipped")" "$terminal_off"
	[ "$failed" = 0 ]
}
