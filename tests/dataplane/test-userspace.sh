#!/bin/bash
# The userspace data plane between two hosts (network namespaces joined by a veth), with SAs
# installed by hand: what passes, what waits, what is refused, and that nothing goes clear.
# Runs without root where user namespaces allow it. Exit 77: cannot run here.
set -u
# shellcheck source=tests/dataplane/hosts.sh
. "$(dirname "$0")/hosts.sh"

if ! inside; then
	need unshare ip nft ping tcpdump
	unshare "${namespaces[@]}" true 2>/dev/null && [ -r /dev/net/tun ] && [ -w /dev/net/tun ] ||
		skip "no namespaces or no access to /dev/net/tun here"
	enter "$0" "$@"
fi
prepare

a() { tell a "$*"; }
b() { tell b "$*"; }

policies() {
	a policy 9 9 bypass 0.0.0.0/0 0.0.0.0/0 17 910 0
	b policy 9 9 bypass 0.0.0.0/0 0.0.0.0/0 17 910 0
	a policy 1 10 require 0.0.0.0/0 10.9.0.0/24 0 0 0
	b policy 1 10 require 0.0.0.0/0 10.9.0.0/24 0 0 0
	a policy 2 11 require ::/0 fd09::/64 0 0 0
	b policy 2 11 require ::/0 fd09::/64 0 0 0
	a policy 3 12 require 10.1.0.0/16 10.2.0.0/16 0 0 0 10.9.0.1 10.9.0.2
	b policy 3 12 require 10.2.0.0/16 10.1.0.0/16 0 0 0 10.9.0.2 10.9.0.1
	a policy 4 13 require fd01::/64 fd02::/64 0 0 0 10.9.0.1 10.9.0.2
	b policy 4 13 require fd02::/64 fd01::/64 0 0 0 10.9.0.2 10.9.0.1
}
done_count() { grep -c '^done' $work/$1.out; }
settled() { # HOST COUNT
	wait_for said "$1" '^done' "$2" && return
	echo "FAILED: $1 does not answer"
	exit 1
}
pair() { # POLICY SPI SUITE MODE OUTER-A OUTER-B INNER-A INNER-B [OPTION...]
	local before_a before_b
	before_a=$(done_count a)
	before_b=$(done_count b)
	# Only a keeps a NAT's mapping alive: what b sends first would make one without a NAT.
	b sa in "$2" "$5" "$6" "$1" "$3" 7 "$8" "$7" "$4" "${@:9:1}"
	b sa out "$2" "$6" "$5" "$1" "$3" 8 "$8" "$7" "$4" "${@:9:1}"
	settled b $((before_b + 2))
	a sa in "$2" "$6" "$5" "$1" "$3" 8 "$7" "$8" "$4" "${@:9}"
	a sa out "$2" "$5" "$6" "$1" "$3" 7 "$7" "$8" "$4" "${@:9}"
	settled a $((before_a + 2))
}
late() { sleep 0.7; pair "$@"; }

transfer() { # ADDRESS [PORT]
	rm -f $work/got
	timeout $((60 * patience)) ip netns exec b "$stream" receive "${2:-5000}" >$work/got 3>&- 4>&- &
	local receiver=$!
	wait_for on b sh -c "ss -Hltn 'sport = :${2:-5000}' | grep ." || return 1
	timeout $((60 * patience)) ip netns exec a "$stream" send "$1" "${2:-5000}" <$work/data || return 1
	wait $receiver && cmp $work/data $work/got
}

# In host b, by tcpdump with these arguments; to be ended by `kill $capture`.
begin_capture() {
	ip netns exec b tcpdump -Z root -n -i veth-b "$@" 2>$work/tcpdump.log 3>&- 4>&- &
	capture=$!
	# Without tcpdump's say-so there may be none here; who reads it says so.
	wait_for grep -q 'listening on' $work/tcpdump.log >/dev/null
}

check_capture() {
	check "ESP in the capture" test "$(tcpdump -n -r $work/capture esp 2>/dev/null | wc -l)" -gt 100
	tcpdump -n -r $work/capture 'not esp and not arp and not (ip[6:2] & 0x1fff != 0)
		and not (icmp6 and ip6[40] >= 133 and ip6[40] <= 136)
		and not (ip6[6] = 44 and ip6[40] = 50) and not dst net ff00::/8' \
		2>/dev/null >$work/clear
	check "nothing clear in the capture" test ! -s $work/clear
	[ -s $work/clear ] && head -5 $work/clear

	# A judge from outside: tshark opens the packets with the keys.
	if command -v tshark >/dev/null; then
		key() { printf "0x"; printf '07%.0s' $(seq "$1"); }
		tshark -n -r $work/capture -o esp.enable_encryption_decode:TRUE \
			-o esp.enable_authentication_check:TRUE \
			-o "uat:esp_sa:\"IPv4\",\"10.9.0.1\",\"10.9.0.2\",\"0x00001001\",\"AES-GCM [RFC4106]\",\"$(key 36)\",\"NULL\",\"\"" \
			-o "uat:esp_sa:\"IPv4\",\"10.9.0.1\",\"10.9.0.2\",\"0x00001004\",\"AES-CBC [RFC3602]\",\"$(key 32)\",\"HMAC-SHA-256-128 [RFC4868]\",\"$(key 32)\"" \
			>$work/opened 2>/dev/null
		check "tshark finds the ping in AES-GCM" grep -q 'ICMP.*Echo (ping) request' $work/opened
		check "tshark finds the ping in AES-CBC" grep -q 'ICMPv6.*Echo (ping) request' $work/opened
	fi
}

make_hosts
ip -n a addr add fd01::1/128 dev lo
ip -n b addr add fd02::1/128 dev lo
for host in a b; do
	# The strictest reverse path check that an administrator may have set.
	on $host sh -c 'echo 1 >/proc/sys/net/ipv4/conf/all/rp_filter'
done
head -c 8000000 /dev/urandom >$work/data
check "clear before anything runs" on a ping -q -c 1 -W 2 10.9.0.2

setting() { on b cat /proc/sys/net/ipv4/conf/veth-b/rp_filter; }
strictness=$(setting)
check "data plane of a opens" start a kink0
check "data plane of b opens" start b kink0
[ $failures -eq 0 ] || exit 1
policies
settled a 5
settled b 5
begin_capture --immediate-mode -U -w $work/capture

late 1 0x1001 aes256gcm16 transport 10.9.0.1 10.9.0.2 10.9.0.1 10.9.0.2 &
check "IPv4 transport: the first ping waits for its SA" on a ping -q -c 1 -W 5 10.9.0.2
wait $!
late 2 0x1002 aes256gcm16 transport fd09::1 fd09::2 fd09::1 fd09::2 &
check "IPv6 transport: the first ping waits for its SA" on a ping -q -c 1 -W 5 fd09::2
wait $!
late 3 0x1003 aes256gcm16 tunnel 10.9.0.1 10.9.0.2 10.1.0.0/16 10.2.0.0/16 &
check "IPv4 tunnel: the first ping waits for its SA" on a ping -q -c 1 -W 5 10.2.0.1
wait $!
late 4 0x1004 aes256-sha256 tunnel 10.9.0.1 10.9.0.2 fd01::/64 fd02::/64 &
check "IPv6 in IPv4 tunnel: the first ping waits for its SA" on a ping -q -c 1 -W 5 fd02::1
wait $!
check "one acquire for each flow" test "$(grep -c ^acquire $work/a.out)" -eq 4

for address in 10.9.0.2 fd09::2 10.2.0.1 fd02::1; do
	check "TCP to $address" transfer $address
	check "a ping in fragments to $address" on a ping -q -s 5000 -c 1 -W 2 $address
done
for address in 10.9.0.1 fd09::1; do
	check "ping from b to $address" on b ping -q -c 1 -W 2 $address
done

# The path narrows.
ip -n a route add 10.9.0.2/32 dev veth-a mtu 1300
sleep 2.2
check "too big is told to the sender" \
	sh -c 'ip netns exec a ping -M do -s 1350 -c 2 -W 1 10.9.0.2 2>&1 | grep -qi "mtu"'
check "TCP over the narrow path" transfer 10.9.0.2
ip -n a route del 10.9.0.2/32 dev veth-a mtu 1300
check "no errors so far" refuses grep -H ^error $work/a.out $work/b.out

# tcpdump refuses to run as the root of a user namespace.
sleep 0.3
if kill $capture 2>/dev/null; then
	wait $capture 2>/dev/null
	check_capture
else
	echo "skip: tcpdump cannot run here, so no look at the packets"
fi

b query 0x1001 10.9.0.2
wait_for said b '^counters' >/dev/null
check "counters count" grep -q '^counters 00001001 packets=[1-9].* selector=0' $work/b.out

# What does not match an SA's selector must not come in by it.
pair 1 0x1101 aes256gcm16 transport 10.9.0.1 10.9.0.2 10.9.0.1 10.9.0.2
b delete 0x1101 10.9.0.2
b sa in 0x1101 10.9.0.1 10.9.0.2 1 aes256gcm16 7 10.9.0.2 10.9.0.77 transport
check "no packet of another selector comes in" refuses on a ping -q -c 1 -W 1 10.9.0.2
b query 0x1101 10.9.0.2
check "and it is counted" wait_for said b '^counters 00001101 packets=0 .* selector=1'
for address in 10.9.0.1 10.9.0.2; do
	a delete 0x1101 $address
	b delete 0x1101 $address
done

# An SA carries what the peer puts into it; what a policy before its own discards does not come out.
pair 1 0x1201 aes256gcm16 transport 10.9.0.1 10.9.0.2 10.9.0.1 10.9.0.2
check "an SA between two hosts carries a ping" on a ping -q -c 1 -W 2 10.9.0.2
before=$(done_count b)
b policy 7 7 discard 10.9.0.2/32 10.9.0.1/32 1 0 0
settled b $((before + 1))
check "but none that is discarded" refuses on a ping -q -c 1 -W 1 10.9.0.2
b query 0x1201 10.9.0.2
check "it is dropped where it comes out" wait_for said b '^counters 00001201 packets=1 .* selector=1'
check "the rest of its traffic passes" transfer 10.9.0.2
b unpolicy 7
for address in 10.9.0.1 10.9.0.2; do
	a delete 0x1201 $address
	b delete 0x1201 $address
done

# Bypass.
a policy 8 8 bypass 0.0.0.0/0 10.9.0.0/24 6 0 5001
b policy 8 8 bypass 0.0.0.0/0 10.9.0.0/24 6 5001 0
sleep 0.3
check "a bypassed port" transfer 10.9.0.2 5001

# Limits.
a delete 0x1001 10.9.0.2
b delete 0x1001 10.9.0.2
a sa out 0x2001 10.9.0.1 10.9.0.2 1 aes128gcm16 5 10.9.0.1 10.9.0.2 transport limit=3000
before=$(done_count b)
b sa in 0x2001 10.9.0.1 10.9.0.2 1 aes128gcm16 5 10.9.0.2 10.9.0.1 transport
settled b $((before + 1))
check "replacement SA carries traffic" on a ping -q -c 1 -W 2 10.9.0.2
on a ping -q -s 1000 -i 0.1 -c 5 -W 1 10.9.0.2 >/dev/null
check "the byte limit is reported" wait_for said a '^expired 00002001 hard'
check "and holds" refuses on a ping -q -c 1 -W 1 10.9.0.2
check "and asks anew" test "$(grep -c '^acquire 1 ' $work/a.out)" -eq 2
a failed 1 10.9.0.1 10.9.0.2
pair 1 0x3001 chacha20poly1305 transport 10.9.0.1 10.9.0.2 10.9.0.1 10.9.0.2
check "ChaCha20-Poly1305 follows" on a ping -q -c 1 -W 2 10.9.0.2

# A daemon that is killed leaves no way to go clear, in either direction.
crash a
sleep 0.3
check "killed: nothing leaves a" refuses on a ping -q -c 1 -W 1 10.9.0.2
ip -n a rule add fwmark 77 pref 5 lookup main
check "b takes no clear ping" refuses on a ping -q -m 77 -c 1 -W 1 10.9.0.2
ip -n a rule del pref 5
begin_capture --immediate-mode -U -w $work/clear-pings 'icmp[0] == 8'
ip netns exec a sh -c 'while :; do ping -q -c 1 -W 0.05 10.9.0.2; done' >/dev/null 2>&1 3>&- 4>&- &
pings=$!
sleep 1
check "a starts again over what was left" start a kink0
a policy 1 10 require 0.0.0.0/0 10.9.0.0/24 0 0 0
settled a 1
check "the rules from before stand until the new ones are all in" \
	test -n "$(ip -n a rule | grep 'proto 92')" -a -n "$(ip -n a rule | grep 'proto 93')"
a settled
settled a 2
check "and then go" test -z "$(ip -n a rule | grep 'proto 92')"
sleep 0.5
kill $pings
kill $capture 2>/dev/null &&
	check "at no moment went a packet clear" test -z "$(tcpdump -n -r $work/clear-pings 2>/dev/null)"
wait $pings $capture 2>/dev/null
stop a
check "a is clean after closing" test -z "$(ip -n a rule | grep 'proto 9[123]'; on a nft list tables)"
stop b
check "clear again when both have closed" on a ping -q -c 1 -W 2 10.9.0.2


# Request: clear until there is an SA.
check "both open again" eval 'start a kink0 && start b kink0'
a policy 1 10 request 0.0.0.0/0 10.9.0.0/24 0 0 0
b policy 1 10 request 0.0.0.0/0 10.9.0.0/24 0 0 0
sleep 0.3
check "without an SA a requesting policy lets pass" on a ping -q -c 1 -W 2 10.9.0.2
check "a ping in fragments too" on a ping -q -s 5000 -c 1 -W 2 10.9.0.2
check "but asks" wait_for said a '^acquire 1 10.9.0.1 10.9.0.2'
a failed 1 10.9.0.1 10.9.0.2
sleep 0.2
asked=$(grep -c ^acquire $work/a.out)
check "after a failure it lets pass as before" on a ping -q -c 50 -i 0.002 -W 2 10.9.0.2
check "and does not ask with each packet" test "$(grep -c ^acquire $work/a.out)" -le $((asked + 25))
pair 1 0x5001 aes128-sha1 transport 10.9.0.1 10.9.0.2 10.9.0.1 10.9.0.2
check "with an SA it uses it" on a ping -q -c 3 -i 0.1 -W 2 10.9.0.2
a query 0x5001 10.9.0.2
check "for every packet" wait_for said a '^counters 00005001 packets=3'
before=$(done_count a)
a delete 0x5001 10.9.0.2
settled a $((before + 1))
check "without it nothing is clear again" refuses on a ping -q -c 1 -W 1 10.9.0.2
check "nor taken" refuses on b ping -q -c 1 -W 1 10.9.0.1
crash a
check "nor after a crash" refuses on a ping -q -c 1 -W 1 10.9.0.2
start a kink0
a policy 3 10 request 0.0.0.0/0 10.9.0.0/24 0 0 0
a settled
wait_for said a '^done' 2
check "nor in the next run" refuses on a ping -q -c 1 -W 1 10.9.0.2
check "which drops what comes" refuses on b ping -q -c 1 -W 1 10.9.0.1
stop b
on a ip addr add 10.9.0.7/24 dev veth-a
check "other flows are as they were" on a ping -q -c 1 -W 2 -I 10.9.0.7 10.9.0.2
stop a
check "a clean end forgets it" refuses test -e $work/a.state
check "the reverse path check is as it was" test "$(setting)" = "$strictness"

# AH and bundles. A judge from outside makes the ICVs again (RFC 4302 3.3.3).
judge='
import hashlib, hmac, struct, sys
data, seen = open(sys.argv[1], "rb").read(), {20: 0, 40: 0}
at = 24
while at < len(data):
    size = struct.unpack_from("<I", data, at + 8)[0]
    frame, at = bytearray(data[at + 16:at + 16 + size]), at + 16 + size
    ip = frame[14:]
    if frame[12:14] == b"\x08\x00":
        header = (ip[0] & 15) * 4
        ip[1] = ip[6] = ip[7] = ip[8] = ip[10] = ip[11] = 0
        protocol, seed = ip[9], 7 if ip[15] == 1 else 8
    else:
        header = 40
        ip[0:4] = b"\x60\0\0\0"
        ip[7] = 0
        protocol, seed = ip[6], 7 if ip[23] == 1 else 8
    if protocol != 51:
        continue
    icv = bytes(ip[header + 12:header + 28])
    ip[header + 12:header + 28] = bytes(16)
    if hmac.new(bytes([seed]) * 32, ip, hashlib.sha256).digest()[:16] != icv:
        sys.exit("a wrong ICV")
    seen[header] += 1
sys.exit(0 if min(seen.values()) >= 2 else "too few packets of AH: %s" % seen)'
check "both open with a port for UDP encapsulation" eval 'start a kink0 4500 && start b kink0 4500'
a policy 1 10 require 10.9.0.1/32 10.9.0.2/32 0 0 0 protect=ah
b policy 1 10 require 10.9.0.2/32 10.9.0.1/32 0 0 0 protect=ah
a policy 2 11 require fd09::1/128 fd09::2/128 0 0 0 protect=ipcomp,esp,ah
b policy 2 11 require fd09::2/128 fd09::1/128 0 0 0 protect=ipcomp,esp,ah
settled a 2
settled b 2
begin_capture --immediate-mode -U -w $work/ah ah or ip6 proto 51
pair 1 0x6001 ah-sha256 transport 10.9.0.1 10.9.0.2 10.9.0.1 10.9.0.2
pair 2 0x6002 deflate transport fd09::1 fd09::2 fd09::1 fd09::2 bundle=7,0,3
pair 2 0x6003 aes256gcm16 transport fd09::1 fd09::2 fd09::1 fd09::2 bundle=7,1,3
check "a part of a bundle carries nothing" refuses on a ping -q -c 1 -W 1 fd09::2
pair 2 0x6004 ah-sha256 transport fd09::1 fd09::2 fd09::1 fd09::2 bundle=7,2,3
check "ping under AH" on a ping -q -c 2 -i 0.1 -W 2 10.9.0.2
check "ping under IPComp, ESP and AH" on a ping -q -c 2 -i 0.1 -W 2 fd09::2
sleep 0.3
if kill $capture 2>/dev/null && command -v python3 >/dev/null; then
	wait $capture 2>/dev/null
	check "a judge from outside finds the ICVs right" python3 -c "$judge" $work/ah
fi
for address in 10.9.0.2 fd09::2; do
	check "TCP to $address" transfer $address
	check "a ping in fragments to $address" on a ping -q -s 5000 -c 1 -W 2 $address
done
b query 0x6004 fd09::2 ah
check "each SA of the bundle counts" wait_for said b '^counters 00006004 packets=[1-9].* wrong=0'
b delete 0x6004 fd09::2 ah
check "without one of its SAs the bundle takes nothing" refuses on a ping -q -c 1 -W 1 fd09::2
a delete 0x6001 10.9.0.2 ah
b delete 0x6001 10.9.0.1 ah
pair 1 0x6005 aes256gcm16 transport 10.9.0.1 10.9.0.2 10.9.0.1 10.9.0.2
check "ESP where the policy wants AH is refused" refuses on a ping -q -c 1 -W 1 10.9.0.2
b query 0x6005 10.9.0.2
check "and counted" wait_for said b '^counters 00006005 .* wrong=1'
check "no errors in AH" refuses grep -H ^error $work/a.out $work/b.out
stop a
stop b

# UDP encapsulation, with a between a NAT and b: on the wire a is 10.9.0.77, port 61000.
ip -n a addr add 10.9.0.77/24 dev veth-a
on a nft -f - <<-END
	table ip nat {
		chain out {
			type nat hook postrouting priority srcnat
			ip saddr 10.9.0.1 udp sport 4500 snat to 10.9.0.77:61000
		}
	}
END
check "both open again" eval 'start a kink0 4500 && start b kink0 4500'
a policy 1 10 require 10.9.0.1/32 10.9.0.2/32 0 0 0
b policy 1 10 require 10.9.0.2/32 10.9.0.1/32 0 0 0
settled a 1
settled b 1
pair 1 0x7001 aes256gcm16 transport 10.9.0.1 10.9.0.2 10.9.0.1 10.9.0.2 udp=4500,4500 keepalive
begin_capture --immediate-mode -l 'udp dst port 4500 and udp[4:2] = 44' >$work/keepalives
on a ping -q -c 1 -W 1 10.9.0.2 >/dev/null
check "b tells where a is" wait_for said b '^moved 00007001 10.9.0.77:61000'
on a ping -q -c 1 -W 1 10.9.0.2 >/dev/null
check "once" test "$(grep -c ^moved $work/b.out)" -eq 1
b move 0x7001 10.9.0.1 10.9.0.77 61000
check "b follows" on a ping -q -c 2 -i 0.1 -W 2 10.9.0.2
check "b reaches a" on b ping -q -c 1 -W 2 10.9.0.1
check "TCP through the NAT" transfer 10.9.0.2
check "a ping in fragments through the NAT" on a ping -q -s 5000 -c 1 -W 2 10.9.0.2
if command -v python3 >/dev/null; then
	on a python3 -c '
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, 36, 910)
for data in b"\0\0\0\0", b"\xff", b"\1", b"\0\0\0\0more", b"\0\0\x10\1short":
    s.sendto(data, ("10.9.0.2", 4500))'
	check "what is not ESP does no harm" on a ping -q -c 1 -W 2 10.9.0.2
	check "a key exchange goes up without its marker" wait_for said b '^key exchange more$'
fi
check "no errors in UDP" refuses grep -H ^error $work/a.out $work/b.out
if kill -0 $capture 2>/dev/null; then
	for _ in $(seq 60); do
		grep -q '10.9.0.77.61000 > 10.9.0.2.4500' $work/keepalives && break
		sleep 0.5
	done
	kill $capture
	check "a keeps its mapping alive" grep -q '10.9.0.77.61000 > 10.9.0.2.4500' $work/keepalives
fi
stop a
stop b
command -v python3 >/dev/null &&
	check "b counted what is neither" grep -q ' 1 datagrams that are neither ESP nor ' $work/b.out

finish
