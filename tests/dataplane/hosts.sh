# shellcheck shell=bash
# What the tests of data planes share: namespaces of their own, in them two hosts that a veth joins,
# a driver (dataplane-driver) on each that takes commands, and checks. Runs without root where user
# namespaces allow it. Exit 77: cannot run here.

namespaces=(-nm)
[ "$(id -u)" -eq 0 ] || namespaces=(-Urnm)

skip() { # REASON
	echo "SKIP: $1"
	exit 77
}
need() { # TOOL...
	local tool
	for tool; do
		command -v "$tool" >/dev/null || skip "no $tool"
	done
}
inside() { [ -n "${HOSTS_INSIDE:-}" ]; }
enter() { # SCRIPT [ARGUMENT...]: once more, in the namespaces
	HOSTS_INSIDE=1 exec unshare "${namespaces[@]}" --kill-child --pid --fork --mount-proc "$@"
}

builddir=$(cd "${top_builddir:-.}" && pwd)
driver=$builddir/tests/dataplane/dataplane-driver
stream=$builddir/tests/dataplane/stream
work=/run/work
failures=0
prepare() {
	mount -t tmpfs tmpfs /run
	mkdir $work
	# What a sanitizer has to say would be lost among the driver's answers.
	local options
	for options in ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS; do
		export "$options=log_path=$work/sanitizer"
	done
}
finish() {
	check "no sanitizer complained" refuses grep -H . $work/sanitizer.*
	[ $failures -eq 0 ]
	exit
}

check() { # DESCRIPTION COMMAND...
	local what=$1
	shift
	if "$@" >$work/last 2>&1; then
		echo "ok: $what"
	else
		echo "FAILED: $what"
		sed 's/^/    /' $work/last
		failures=$((failures + 1))
	fi
}
refuses() { ! "$@"; }
is() { # EXPECTED COMMAND...
	local expected=$1 found
	shift
	found=$("$@")
	[ "$found" = "$expected" ] || { echo "expected $expected, found $found" && false; }
}
patience=${KINKD_PATIENCE:-1} # by how much everything may take longer here
wait_for() { # COMMAND...: up to half a minute
	local end=$((SECONDS + 30 * patience))
	until "$@" >/dev/null; do
		[ $SECONDS -lt $end ] || break
		sleep 0.05
	done
	"$@" >/dev/null && return 0
	echo "not within $((30 * patience)) seconds: $*"
	tail -n 50 $work/*.out
	return 1
}
said() { # HOST PATTERN [COUNT]
	[ "$(grep -c -- "$2" "$work/$1.out")" -ge "${3:-1}" ]
}
on() { # HOST COMMAND...
	local host=$1
	shift
	ip netns exec "$host" "$@"
}

# a is 10.9.0.1 and fd09::1, b the same with 2; behind them are 10.1.0.1 and 10.2.0.1.
make_hosts() {
	local host number=1
	ip link add veth-a type veth peer name veth-b
	for host in a b; do
		ip netns add $host
		ip link set veth-$host netns $host
		ip -n $host link set lo up
		ip -n $host link set veth-$host up
		ip -n $host addr add 10.9.0.$number/24 dev veth-$host
		ip -n $host addr add fd09::$number/64 dev veth-$host nodad
		ip -n $host addr add 10.$number.0.1/32 dev lo
		number=2
	done
}

declare -A descriptor=([a]=3 [b]=4) process
start() { # HOST DEVICE [UDP-PORT]: its commands go to tell HOST
	rm -f "$work/$1.in"
	mkfifo "$work/$1.in"
	STATE=$work/$1.state ip netns exec "$1" "$driver" "$2" "${3:-0}" \
		<"$work/$1.in" >"$work/$1.out" 2>&1 3>&- 4>&- &
	process[$1]=$!
	eval "exec ${descriptor[$1]}>$work/$1.in"
	wait_for said "$1" '^open'
}
tell() { # HOST COMMAND
	echo "$2" >&"${descriptor[$1]}"
}
stop() { # HOST
	eval "exec ${descriptor[$1]}>&-"
	wait "${process[$1]}"
}
crash() { # HOST
	kill -9 "${process[$1]}"
	eval "exec ${descriptor[$1]}>&-"
	wait "${process[$1]}" 2>/dev/null
}
