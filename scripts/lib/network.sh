# shellcheck shell=bash
# Hosts as namespaces inside a sandbox: each has its network, hostname and /run; links are veths.
# Needs $work, which holds a folder per host; the host sees that as its /run/kinkd.

declare -A host_pid host_ipv4 host_ipv6

# host_add NAME IPV4 IPV6: NAME.example.test, with an entry in everybody's /etc/hosts.
host_add() {
	local name=$1

	host_ipv4[$name]=$2
	host_ipv6[$name]=$3
	mkdir -p "$work/$name"
	printf '%s\t%s.example.test %s\n' "$2" "$name" "$name" "$3" "$name" "$name" >>"$work/hosts"
	# shellcheck disable=SC2016 # expanded by the inner shell
	unshare --mount --net --uts sh -c '
		mount -t tmpfs -o mode=755 tmpfs /run && hostname "$1.example.test" &&
		ln -s "$2" /run/kinkd && ip link set lo up && : >"$2/up" && exec sleep infinity
	' sh "$name" "$work/$name" >"$work/$name/host.log" 2>&1 </dev/null &
	host_pid[$name]=$!
	echo "${host_pid[$name]}" >"$work/$name/host.pid"
	wait_for 5 test -e "$work/$name/up" || die hosts "host $name did not start" "$work/$name/host.log"
}

# in_host NAME COMMAND...
in_host() {
	(become_host "$@")
}

# become_host NAME COMMAND...: for the background, where $! shall be the command's own process.
become_host() {
	local pid=${host_pid[$1]}

	shift
	exec nsenter --target "$pid" --mount --net --uts -- "$@"
}

# host_link NAME NAME: a veth with ends to-NAME, and routes to the host at the other end.
host_link() {
	ip link add "to-$2" netns "${host_pid[$1]}" type veth \
		peer name "to-$1" netns "${host_pid[$2]}" || return
	host_link_end "$1" "$2" && host_link_end "$2" "$1"
}

host_link_end() {
	local here=$1 there=$2

	in_host "$here" sh -e -c '
		ip address add "$2/32" dev "$1"
		[ ! -e /proc/sys/net/ipv6 ] || ip address add "$3/128" dev "$1" nodad
		ip link set "$1" up
		ip route add "$4/32" dev "$1" src "$2"
		[ ! -e /proc/sys/net/ipv6 ] || ip route add "$5/128" dev "$1" src "$3"
	' sh "to-$there" "${host_ipv4[$here]}" "${host_ipv6[$here]}" \
		"${host_ipv4[$there]}" "${host_ipv6[$there]}"
}

# By how much everything may take longer here, such as under User Mode Linux.
patience=${KINKD_PATIENCE:-1}
# Where programs start slowly, to ask all the time would take the processor from what is waited for.
pause=0.05
[ "$patience" = 1 ] || pause=0.4

# wait_for SECONDS COMMAND...: until it succeeds; fails when the time is over.
wait_for() {
	local end=$((SECONDS + $1 * patience))

	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep $pause
	done
}

# host_listens NAME PORT: whether something accepts TCP there.
host_listens() {
	in_host "$1" ss -Hltn "sport = :$2" | grep -q .
}
