# shellcheck shell=bash
# What tests of daemons stand on: a sandbox of its own, hosts, a realm, daemons, a capture, and the
# lines "ok N - what" and "not ok N - what: why" that scripts/check counts.
# A test that cannot run here ends with status 77 and a line "skip: why".
set -u
# Deadlines that are not reached cost nothing, and a machine may have much else to do.
export KINKD_PATIENCE=${KINKD_PATIENCE:-4}
top_srcdir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
top_builddir=$(cd "${top_builddir:-$top_srcdir/build}" && pwd) || exit 1
for part in terminal sandbox network realm directory capture daemon; do
	# shellcheck source=/dev/null
	. "$top_srcdir/scripts/lib/$part.sh"
done

skip() {
	echo "skip: $1"
	exit 77
}

if [ -z "${KINKD_TEST:-}" ]; then
	# Outside: open the sandbox and run this very script in it.
	sandbox_possible || skip "$sandbox_problem"
	work=$(mktemp -d "${TMPDIR:-/tmp}/kinkd-test.XXXXXX") || exit 1
	trap 'sandbox_end "$work"; rm -rf "$work"' EXIT
	trap 'exit 130' INT
	trap 'exit 143' TERM HUP
	sandbox_open "$work" || die sandbox "did not open" "$work/sandbox.log"
	sandbox_await env KINKD_TEST="$work" top_builddir="$top_builddir" \
		bash "$(readlink -f "$0")" "$@"
	exit
fi

work=$KINKD_TEST
cd "$work" || exit 1
PATH=$top_builddir:/usr/sbin:/sbin:$PATH
[ "$daemon_dataplane" != kernel ] || capture_both_ends=1
test_count=0
test_failed=0
trap test_end EXIT

test_end() {
	local status=$? log

	[ "$status" != 77 ] || return
	if [ "$status" != 0 ] && [ "$test_failed" = 0 ]; then
		not_ok "runs to its end" "it stopped with status $status"
	fi
	if [ "$test_failed" != 0 ]; then
		for log in "$work"/*/kinkd.log; do
			[ ! -s "$log" ] || { echo "# ${log#"$work/"}:" && tail -n 30 "$log" | sed 's/^/#   /'; }
		done
		exit 1
	fi
}

ok() {
	test_count=$((test_count + 1))
	echo "ok $test_count - $1"
}

not_ok() {
	test_count=$((test_count + 1))
	test_failed=$((test_failed + 1))
	echo "not ok $test_count - $1: $2"
}

# check WHAT COMMAND...: ok when the command succeeds; else its last words are the reason.
check() {
	local what=$1 output

	shift
	if output=$("$@" 2>&1); then
		ok "$what"
	else
		not_ok "$what" "$(tail -n 3 <<<"$output" | tr '\n' ' ')[$*]"
	fi
}

# check_not WHAT COMMAND...: ok when it fails.
check_not() {
	local what=$1 output

	shift
	if output=$("$@" 2>&1); then
		not_ok "$what" "$(tail -n 3 <<<"$output" | tr '\n' ' ')[$*]"
	else
		ok "$what"
	fi
}

# check_equal WHAT EXPECTED FOUND
check_equal() {
	if [ "$2" = "$3" ]; then
		ok "$1"
	else
		not_ok "$1" "expected $2, found $3"
	fi
}

# is_not COMMAND...: for wait_for.
is_not() {
	! "$@"
}

# check_log WHAT HOST PATTERN [SECONDS]: in a while the daemon's log has a line like that.
check_log() {
	if wait_for "${4:-5}" grep -Eq -- "$3" "$work/$2/kinkd.log"; then
		ok "$1"
	else
		not_ok "$1" "no line like $3 in the log of $2"
	fi
}

# --- what most tests begin with ------------------------------------------------------------------

# A realm, and those named in $realms behind it, and the hosts that are named; all are linked to the
# KDC and to one another.
realms=()
realm_with_hosts() {
	local name other number=0 joined=()

	host_add kdc 10.0.0.9 2001:db8::9
	for name in "$@"; do
		number=$((number + 1))
		host_add "$name" "10.0.0.$number" "2001:db8::$number"
		for other in kdc "${joined[@]}"; do
			host_link "$other" "$name" || die hosts "could not link $other and $name"
		done
		joined+=("$name")
	done
	realm_create "$work/realm" 10.0.0.9 "${realms[@]}" || die realm "no database" "$work/realm/kdc.log"
	realm_start become_host kdc || die realm "the KDC did not start" "$work/realm/kdc.log"
}

# The file of a realm member; options for its realm, peer and policy, and for the daemon group, may
# be given as $realm_options, $peer_options, $policy_options and $daemon_options.
member() {
	local principal='principal = "kink/{fqdn}@EXAMPLE.TEST";'

	daemon_config "$1" "${daemon_options:-}" <<END
realm: { keytab = "$work/$1/krb5.keytab"; ${realm_options:-} };
peers = (
	{ name = "members";
	  address = [ "10.0.0.0/24", "2001:db8::/64" ];
	  ${peer_options:-$principal} }
);
policies = (
	{ name = "realm"; remote = "members"; protect = "require"; ${policy_options:-} }
);
END
}

# Hosts a and b of a realm, each with its keytab and file, and a capture between them.
two_members() {
	local name

	realm_with_hosts a b
	for name in a b; do
		member "$name"
		realm_keytab "$work/$name/krb5.keytab" "kink/$name.example.test"
	done
	capture_start a to-b "$work/wire.pcap"
}

start() {
	local name

	for name in "$@"; do
		daemon_start "$name" || die kinkd "did not start on $name" "$work/$name/kinkd.log"
	done
}

# ping_from HOST ADDRESS [SECONDS]: how long to wait for the answer is for pings that are to get none,
# or that are sent again.
ping_from() {
	in_host "$1" ping -n -c 1 -W "${3:-$((5 * patience))}" "$2"
}

# large_ping_from HOST ADDRESS: in fragments.
large_ping_from() {
	in_host "$1" ping -n -c 1 -W $((5 * patience)) -s 4000 "$2"
}

# transfer_from HOST HOST ADDRESS SIZE: SIZE random octets by TCP to ADDRESS of the second host.
transfer_from() {
	local port=5000

	head -c "$4" /dev/urandom >"$work/sent"
	become_host "$2" timeout $((60 * patience)) busybox nc -l -p $port </dev/null >"$work/received" 2>"$work/nc.log" &
	wait_for 5 host_listens "$2" $port || return
	# shellcheck disable=SC2016 # expanded by the inner shell
	in_host "$1" timeout $((60 * patience)) bash -c 'cat "$1" >"/dev/tcp/$2/$3"' bash "$work/sent" "$3" $port ||
		return
	wait $!
	cmp "$work/sent" "$work/received"
}

# kernel_count HOST state|policy: how many SAs, or policies of IPsec, its kernel holds.
kernel_count() {
	in_host "$1" ip xfrm "$2" | grep -c '^src'
}

# kernel_is_empty HOST: it holds nothing of IPsec.
kernel_is_empty() {
	[ "$(kernel_count "$1" state)" = 0 ] && [ "$(kernel_count "$1" policy)" = 0 ]
}

# status_says HOST PATTERN: a line of its status.
status_says() {
	kinkctl_on "$1" status | grep -E -- "$2"
}

established() {
	status_says "$1" "$2.*established"
}

# The capture held nothing in the clear; to be called last.
check_nothing_clear() {
	local count

	capture_stop "$work/wire.pcap"
	count=$(capture_clear_count "$work/wire.pcap")
	if [ "$count" = 0 ]; then
		ok "nothing in the clear"
	else
		not_ok "nothing in the clear" "$(capture_read "$work/wire.pcap" "$capture_clear" | head -n 3 | tr '\n' ';')"
	fi
}
