# shellcheck shell=bash
# What the scripts say to people: one line per step, colour only on a terminal.

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ] && [ "${TERM:-dumb}" != dumb ]; then
	terminal_bold=$'\e[1m' terminal_good=$'\e[32m' terminal_bad=$'\e[31m' terminal_dim=$'\e[2m'
	terminal_off=$'\e[0m'
else
	terminal_bold='' terminal_good='' terminal_bad='' terminal_dim='' terminal_off=''
fi

# say LABEL TEXT: one finished step.
say() {
	[ ! -t 1 ] || printf '\r\e[K'
	printf '%s%-10s%s %s\n' "$terminal_bold" "$1" "$terminal_off" "$2"
}

# working LABEL TEXT: what is going on, until the next say; on a terminal only.
working() {
	[ ! -t 1 ] || printf '\r\e[K%s%-10s%s %s ...' "$terminal_bold" "$1" "$terminal_off" "$2"
}

# show TEXT-PRODUCING-COMMAND...: its output as an indented block.
show() {
	"$@" 2>&1 | sed 's/^/    /'
}

# die LABEL TEXT [LOG]: the step failed; shows the tail of its log and ends.
die() {
	{
		[ ! -t 2 ] || printf '\r\e[K'
		printf '%s%-10s %s%s\n' "$terminal_bad" "$1" "$2" "$terminal_off"
		if [ -s "${3:-}" ]; then
			printf '           the end of %s:\n' "$3"
			tail -n 15 "$3" | sed 's/^/    /'
		fi
	} >&2
	exit 1
}
