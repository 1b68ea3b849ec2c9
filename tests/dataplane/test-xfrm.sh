#!/bin/bash
# The kernel data plane on the kernel that is here, by the driver's commands: what stands in the
# kernel, what it asks for and reports, what is left after a clean end and after kill -9. Where the
# kernel has ESP also packets between two hosts (namespaces), with SAs installed by hand.
# Runs without root where user namespaces allow it. Exit 77: cannot run here.
set -u
# shellcheck source=tests/dataplane/hosts.sh
. "$(dirname "$0")/hosts.sh"

if ! inside; then
	need unshare ip ping tcpdump
	unshare "${namespaces[@]}" true 2>/dev/null || skip "no namespaces here"
	unshare "${namespaces[@]}" ip xfrm policy >/dev/null 2>&1 ||
		skip "the kernel has no XFRM, or this user may not steer it"
	enter "$0" "$@"
fi
prepare

shows() { # HOST policy|state PATTERN: somewhere in what ip shows, as one line
	local statistics=(-s)

	[ "$2" != state ] || statistics=()
	on "$1" ip "${statistics[@]}" xfrm "$2" | tr -s '\n\t ' ' ' | grep -q -- "$3"
}
count() { # HOST policy|state
	on "$1" ip xfrm "$2" | grep -c '^src'
}

make_hosts
ip -n a route add 10.2.0.1/32 dev veth-a src 10.1.0.1
ip -n b route add 10.1.0.1/32 dev veth-b src 10.2.0.1
reqid() { # POLICY in|out
	echo $((0x4b000000 + 2 * $1 + ($([ "$2" = out ] && echo 1 || echo 0))))
}
neighbours=12 # IPv6's four kinds of messages, in three directions

# --- Policies ------------------------------------------------------------------------------------

echo 1 | on a tee /proc/sys/net/core/xfrm_larval_drop >/dev/null
start a kernel
tell a 'policy 1 1 bypass 0.0.0.0/0 0.0.0.0/0 17 910 0'
tell a 'policy 2 2 discard 0.0.0.0/0 10.66.0.0/16 0 0 0'
tell a 'policy 3 3 require 0.0.0.0/0 10.9.0.0/24 0 0 0'
tell a 'policy 4 4 require fd09::/64 fd09::/64 0 0 0 protect=ipcomp,esp,ah'
tell a 'policy 5 5 require 10.1.0.0/16 10.2.0.0/16 0 0 0 10.9.0.1 10.9.0.2'
tell a settled
check "policies are taken" wait_for said a '^done' 6
check "three directions each" is $((5 * 3 + neighbours)) count a policy
check "a bypass has no template" shows a policy \
	'src 0.0.0.0/0 dst 0.0.0.0/0 proto udp sport 910 uid 0 dir out action allow index 12582[0-9]* priority 1026'
check "a discard blocks" shows a policy 'src 10.66.0.0/16 dst 0.0.0.0/0 .*dir in action block'
check "out in transport mode" shows a policy \
	"src 0.0.0.0/0 dst 10.9.0.0/24 .*dir out .*priority 1030 .*proto esp spi 0x00000000(0) reqid $(reqid 3 out)(0x[0-9a-f]*) mode transport level required"
check "in has its own reqid" shows a policy \
	"src 10.9.0.0/24 dst 0.0.0.0/0 .*dir in .*proto esp .*reqid $(reqid 3 in)"
check "compression may be absent from what comes in" shows a policy \
	"src fd09::/64 dst fd09::/64 .*dir in .*proto comp .*level use .*proto esp .*level required .*proto ah .*level required"
check "a tunnel between its ends" shows a policy \
	"src 10.2.0.0/16 dst 10.1.0.0/16 .*dir fwd .*tmpl src 10.9.0.2 dst 10.9.0.1 proto esp .*mode tunnel"
check "packets will wait for their SA" is 0 on a cat /proc/sys/net/core/xfrm_larval_drop
tell a 'unpolicy 2'
check "a policy goes" wait_for is $((4 * 3 + neighbours)) count a policy
tell a 'policy 6 6 require 0.0.0.0/0 10.9.0.0/24 0 0 0'
check "one that never matches is no obstacle" wait_for said a '^done' 8

# --- What others remove --------------------------------------------------------------------------

tell a 'policy 8 8 require 10.9.0.1/32 10.9.0.77/32 0 0 0 mark=0x10,0xff if_id=42 name=red'
tell a 'policy 9 9 require 10.9.0.1/32 10.9.0.77/32 0 0 0 name=blue'
check "one selector twice, under a mark and an interface, and without" \
	wait_for is $((6 * 3 + neighbours)) count a policy
check "the mark and the interface are the kernel's" shows a policy \
	'src 10.9.0.1/32 dst 10.9.0.77/32 .*dir out .*mark 0x10/0xff .*if_id 0x2a'
all_back() { # The driver looks for news with each command, where the daemon is woken.
	tell a settled
	is $((6 * 3 + neighbours)) count a policy
}
on a ip xfrm policy flush
check "flushed policies are put back" wait_for all_back
check "and it is told" wait_for said a '^error: another program has removed policies'
on a ip xfrm policy delete src 10.9.0.1/32 dst 10.9.0.77/32 dir out
check "one that is deleted as well" wait_for all_back
on a ip xfrm policy add src 10.77.0.0/16 dst 10.1.0.1 dir in action block
on a ip xfrm policy delete src 10.77.0.0/16 dst 10.1.0.1 dir in
tell a 'unpolicy 8'
tell a 'unpolicy 9'
check "policies with a mark go, too" wait_for is $((4 * 3 + neighbours)) count a policy
check "what we remove ourselves, or is not ours, is no news" is 2 grep -c 'error: another' $work/a.out
tell a 'policy 8 8 require 10.9.0.1/32 10.9.0.78/32 0 0 0 packet=nowhere0 name=fast'
check "a card that is not there" wait_for said a '^error policy "fast": there is no interface "nowhere0" to offload to'

# --- SPIs, wishes --------------------------------------------------------------------------------

tell a 'reserve 10.9.0.2 10.9.0.1 3'
check "an SPI is reserved" wait_for said a '^reserved'
spi=$((16#$(sed -n 's/^reserved //p' $work/a.out)))
check "the kernel keeps it" shows a state "src 10.9.0.2 dst 10.9.0.1 proto esp spi $(printf 0x%08x $spi)"
tell a "delete $spi 10.9.0.1"
check "and releases it" wait_for is 0 count a state
tell a 'reserve fd09::2 fd09::1 4 ipcomp'
check "a CPI" wait_for said a '^reserved 0000[0-9a-e]'
cpi=$((16#$(sed -n 's/^reserved //p' $work/a.out | tail -n 1)))
tell a "delete $cpi fd09::1 ipcomp"
tell a "delete 4097 10.9.0.1"
check "there is no other SA" wait_for said a '^error no SA 00001001'

on a ping -q -c 1 -W 1 10.9.0.2 >/dev/null
check "a packet wants an SA" wait_for said a '^acquire 3 10.9.0.1 10.9.0.2'
check "the kernel has a larval one" shows a state "src 10.9.0.1 dst 10.9.0.2 .*spi 0x00000000.* reqid $(reqid 3 out)"
wanted=$(grep -c ^acquire $work/a.out)
# Without ESP there is no SA that refuses: for packets that wait the kernel may ask again at once.
given_up() { # ACQUIRES-BEFORE PATTERN
	refuses shows a state "$2" || said a '^acquire' $(($1 + 1))
}
tell a 'failed 3 10.9.0.1 10.9.0.2'
check "which goes when none can be had" wait_for given_up $wanted 'spi 0x00000000'
sleep 2.5
on a ping -q -c 1 -W 1 10.9.0.2 >/dev/null
check "the next packet asks again" wait_for said a '^acquire 3 10.9.0.1 10.9.0.2' $((wanted + 1))
on a ping -q -c 1 -W 1 -I 10.1.0.1 10.2.0.1 >/dev/null
check "through a tunnel: the inner addresses are told" wait_for said a '^acquire 5 10.1.0.1 10.2.0.1'
check "the outer ones are the SA's" shows a state 'src 10.9.0.1 dst 10.9.0.2 .*mode tunnel'
wanted=$(grep -c ^acquire $work/a.out)
tell a 'failed 5 10.1.0.1 10.2.0.1'
check "a tunnel's larval SA goes as well" wait_for given_up $wanted 'spi 0x00000000.*mode tunnel'

# --- The end, a crash ----------------------------------------------------------------------------

on a ip xfrm policy add src 10.77.0.0/16 dst 10.1.0.1 dir in priority 7 action block
stop a
check "a clean end leaves what is not ours, and that alone" is 1 count a policy
check "and no SA" is 0 count a state
check "and the system's setting" is 1 on a cat /proc/sys/net/core/xfrm_larval_drop
check "and no file" refuses test -e $work/a.state

start a kernel
tell a 'policy 1 1 require 0.0.0.0/0 10.9.0.0/24 0 0 0'
tell a 'policy 2 2 discard 0.0.0.0/0 10.66.0.0/16 0 0 0'
tell a settled
check "policies again" wait_for said a '^done' 3
crash a
check "a crash leaves them" is $((2 * 3 + neighbours + 1)) count a policy
on a ip monitor all >/dev/null 2>&1 &
on a ip xfrm monitor policy >$work/changes &
monitor=$!
start a kernel
check "the next start touches none at first" is $((2 * 3 + neighbours + 1)) count a policy
tell a 'policy 7 1 require 0.0.0.0/0 10.9.0.0/24 0 0 0'
check "a policy is told again" wait_for said a '^done' 1
check "and stands in the place of the one before" shows a policy \
	"src 0.0.0.0/0 dst 10.9.0.0/24 .*dir out .*reqid $(reqid 7 out)"
check "what is not told again yet stands" is $((2 * 3 + neighbours + 1)) count a policy
tell a settled
check "until all are" wait_for is $((3 + neighbours + 1)) count a policy
sleep 0.2
kill $monitor
check "at no moment was there none" refuses grep -A1 'Deleted.*10.9.0.0/24' $work/changes
stop a
check "it still knows the setting from before the crash" is 1 on a cat /proc/sys/net/core/xfrm_larval_drop
check "foreign policies were not touched" shows a policy 'src 10.77.0.0/16'
on a ip xfrm policy flush

# --- Packets -------------------------------------------------------------------------------------

if ! ip xfrm state add src 127.0.0.1 dst 127.0.0.1 proto esp spi 0x1000 \
	aead 'rfc4106(gcm(aes))' 0x000102030405060708090a0b0c0d0e0f10111213 128 2>/dev/null; then
	echo "this kernel has no ESP: packets are not tried here"
	finish
fi
ip xfrm state flush

# pair NUMBER POLICY LOCAL-MODE SUITE [OPTION]: SAs in both directions on both hosts; SPIs from
# NUMBER on.
sa() { # HOST in|out SPI SOURCE DESTINATION POLICY SUITE SEED LOCAL REMOTE MODE [OPTION...]
	tell "$1" "sa ${*:2}"
}
pair() { # FIRST-SPI POLICY SUITE A B INNER-A INNER-B MODE [OPTION...]
	local spi=$1 policy=$2 suite=$3 a=$4 b=$5 inner_a=$6 inner_b=$7
	shift 7
	sa a in $spi $b $a $policy $suite 7 $inner_a $inner_b "$@"
	sa b out $spi $b $a $policy $suite 7 $inner_b $inner_a "$@"
	sa b in $((spi + 1)) $a $b $policy $suite 9 $inner_b $inner_a "$@"
	wait_for shows b state "spi $(printf 0x%08x $((spi + 1)))"
	sa a out $((spi + 1)) $a $b $policy $suite 9 $inner_a $inner_b "$@"
}
pings() { # ADDRESS [SOURCE]
	on a ping -q -c 2 -i 0.2 -W $((2 * patience)) ${2:+-I $2} "$1"
}

start a kernel
start b kernel
for host in a b; do
	near=1 far=2
	[ $host = a ] || near=2 far=1
	tell $host "policy 1 1 require 0.0.0.0/0 10.9.0.0/24 0 0 0"
	tell $host "policy 2 2 require fd09::/64 fd09::/64 0 0 0"
	tell $host "policy 3 3 require 10.$near.0.0/16 10.$far.0.0/16 0 0 0 10.9.0.$near 10.9.0.$far"
	tell $host settled
done
wait_for said b '^done' 4
on a ping -q -c 1 -W $((25 * patience)) 10.9.0.2 >$work/first 2>&1 &
first=$!
check "a ping asks for an SA" wait_for said a '^acquire 1 '
pair 4096 1 aes256gcm16 10.9.0.1 10.9.0.2 10.9.0.1/32 10.9.0.2/32 transport
answered() {
	wait $first || { cat $work/first && on a ip xfrm state && false; }
}
check "and is answered, for it waited" answered
check "by ESP, transport mode, IPv4" pings 10.9.0.2
pair 4128 2 aes128-sha256 fd09::1 fd09::2 fd09::1/128 fd09::2/128 transport
check "IPv6" pings fd09::2
tell b 'policy 9 0 discard 10.9.0.2/32 10.9.0.1/32 1 0 0'
wait_for said b '^done' 9
check "an SA brings in nothing that an earlier policy discards" refuses pings 10.9.0.2
check "which the kernel counts" on b grep -q '^XfrmInPolBlock[[:space:]]*[1-9]' /proc/net/xfrm_stat
tell b 'unpolicy 9'
wait_for said b '^done' 10
check "until that policy goes" pings 10.9.0.2
pair 4160 3 aes256gcm16 10.9.0.1 10.9.0.2 10.1.0.0/16 10.2.0.0/16 tunnel
check "tunnel mode" pings 10.2.0.1 10.1.0.1
tell a 'query 4097 10.9.0.2'
check "counters" wait_for said a '^counters 00001001 packets=[3-9] bytes=[1-9]'
check "one larger window is the kernel's bitmap" shows a state 'anti-replay esn context'

# A new pair beside the old one, as in a rekeying, under a stream: the inbound SA stands before
# anything comes by it, and until nothing comes any more.
on b "$stream" count 5000 2000 60 >$work/count &
counting=$!
for host in a b; do
	on $host cat /proc/net/xfrm_stat >$work/$host.refused
done
wait_for on b sh -c 'ss -Hlun "sport = :5000" | grep .'
on a "$stream" number 10.9.0.2 5000 2000 2000 >$work/number &
sleep 0.5
sa b in 4193 10.9.0.1 10.9.0.2 1 aes128gcm16 9 10.9.0.2/32 10.9.0.1/32 transport
check "a successor is there" wait_for shows b state 'spi 0x00001061'
sa a out 4193 10.9.0.1 10.9.0.2 1 aes128gcm16 9 10.9.0.1/32 10.9.0.2/32 transport
check "and in use" wait_for shows a state 'spi 0x00001061'
tell a 'delete 4097 10.9.0.2'
check "the one before is not" wait_for refuses shows a state 'spi 0x00001001'
sleep 0.5
tell b 'delete 4097 10.9.0.2'
check "rekeying loses no packet" wait $counting
check "the newer SA serves" pings 10.9.0.2
tell a 'query 4193 10.9.0.2'
check "and is the one in use" wait_for said a '^counters 00001061 packets=[1-9]'
for host in a b; do
	check "nothing more was refused by $host" on $host diff $work/$host.refused /proc/net/xfrm_stat
done

# Sequence numbers of 64 bits; limits of packets.
pair 4224 1 aes256gcm16 10.9.0.1 10.9.0.2 10.9.0.1/32 10.9.0.2/32 transport esn packets=20,30
# The kernel would rather take an older SA than one whose end is near.
tell a 'delete 4193 10.9.0.2'
check "the one before goes" wait_for refuses shows a state 'spi 0x00001061'
check "extended sequence numbers" pings 10.9.0.2
check "the kernel has them" shows a state 'spi 0x00001081 .*flag esn'
pair 4226 2 aes128-sha256 fd09::1 fd09::2 fd09::1/128 fd09::2/128 transport esn
check "and with HMAC, where their upper half is behind the packet" pings fd09::2
on a ping -q -i 0.05 -c 40 -W 1 10.9.0.2 >/dev/null
check "a soft limit of packets is reported" wait_for said a '^expired 00001081 soft'
check "a hard one too" wait_for said a '^expired 00001081 hard'
stop a
stop b

# ESP in UDP (RFC 3948). A NAT in front of a gives it another port while the SAs live: b is told of it
# and follows.
start a kernel 4500
start b kernel 4500
for host in a b; do
	tell $host 'policy 1 1 require 0.0.0.0/0 10.9.0.0/24 0 0 0'
	tell $host settled
done
wait_for said b '^done' 2
pair 4352 1 aes256gcm16 10.9.0.1 10.9.0.2 10.9.0.1/32 10.9.0.2/32 transport udp=4500,4500
check "ESP in UDP" pings 10.9.0.2
check "as the SA says" shows a state 'spi 0x00001101 .*encap type espinudp sport 4500 dport 4500'
check "a NAT comes between" \
	on a iptables-legacy -t nat -A POSTROUTING -p udp --sport 4500 -j MASQUERADE --to-ports 61000
on a ping -q -c 1 -W 1 10.9.0.2 >/dev/null
check "b tells where a is" wait_for said b '^moved 00001101 10.9.0.1:61000'
tell b 'move 4353 10.9.0.2 10.9.0.1 61000'
tell b 'move 4352 10.9.0.1 10.9.0.1 61000'
check "the outbound SA follows" \
	wait_for shows b state 'spi 0x00001100 .*encap type espinudp sport 4500 dport 61000'
check "the inbound one, too" shows b state 'spi 0x00001101 .*sport 61000 dport 4500'
check "a reaches b through the NAT" pings 10.9.0.2
check "b reaches a" on b ping -q -c 2 -i 0.2 -W $((2 * patience)) 10.9.0.1
check "nothing of this is an error" refuses grep -h '^error' $work/a.out $work/b.out
on a iptables-legacy -t nat -F
stop a
stop b

# What others remove is told: the peer's SAs must not outlive it.
start a kernel
tell a 'policy 1 1 require 0.0.0.0/0 10.9.0.0/24 0 0 0'
tell a settled
wait_for said a '^done' 2
sa a out 4400 10.9.0.1 10.9.0.2 1 aes256gcm16 7 10.9.0.1/32 10.9.0.2/32 transport
check "an SA alone" wait_for shows a state 'spi 0x00001130'
on a ip xfrm state flush
missed() {
	tell a settled
	said a '^expired 00001130 hard'
}
check "is missed when it is flushed" wait_for missed
check "and that is told" said a '^error: another program has removed SAs'
stop a

# A mark of packets chooses the policy and the SA; what comes in by that is given it.
start a kernel
start b kernel
for host in a b; do
	tell $host 'policy 1 1 require 0.0.0.0/0 10.9.0.0/24 0 0 0 mark=0x20,0xff name=marked'
	tell $host settled
done
wait_for said b '^done' 2
# So that answers have the mark of what they answer.
on b tee /proc/sys/net/ipv4/fwmark_reflect <<<1 >/dev/null
check "unmarked packets are left alone" pings 10.9.0.2
on a ping -q -m 32 -c 1 -W 1 10.9.0.2 >/dev/null
check "marked ones want an SA" wait_for said a '^acquire 1 10.9.0.1 10.9.0.2'
check "whose larval one has the mark" shows a state 'mark 0x20/0xff .*spi 0x00000000\|spi 0x00000000.*mark 0x20/0xff'
tell a 'failed 1 10.9.0.1 10.9.0.2'
check "and goes when none can be had" wait_for refuses shows a state 'spi 0x00000000'
pair 4416 1 aes256gcm16 10.9.0.1 10.9.0.2 10.9.0.1/32 10.9.0.2/32 transport
check "under which they go" on a ping -q -m 32 -c 2 -i 0.2 -W $((2 * patience)) 10.9.0.2
tell a 'query 4417 10.9.0.2'
check "they, and not the others" wait_for said a '^counters 00001141 packets=2 '
tell b 'query 4416 10.9.0.1'
check "as do the answers" wait_for said b '^counters 00001140 packets=2 '
for host in a b; do
	tell $host 'delete 4416 10.9.0.1'
	tell $host 'delete 4417 10.9.0.2'
	check "SAs with a mark go from $host" wait_for refuses shows $host state 'spi 0x0000114'
done
stop a
stop b

# A flow that is only requested to be protected.
start a kernel
start b kernel
for host in a b; do
	tell $host "policy 1 1 request 0.0.0.0/0 10.9.0.0/24 0 0 0"
	tell $host settled
done
wait_for said b '^done' 2
# Longer than any test waits.
on a tee /proc/sys/net/core/xfrm_acq_expires <<<3600 >/dev/null
check "requested: clear while there is no SA" pings 10.9.0.2
check "but asked for" wait_for said a '^acquire 1 '
tell a 'failed 1 10.9.0.1 10.9.0.2'
check "clear when there will be none" pings 10.9.0.2
asks_again() { # The driver looks with each command whether it is time.
	tell a settled
	on a ping -q -c 1 -W 1 10.9.0.2 >/dev/null
	said a '^acquire 1 ' 2
}
check "which is asked for again soon" wait_for asks_again
on b tcpdump -n -i veth-b -c 1 esp >$work/esp 2>&1 &
esp=$!
wait_for grep listening $work/esp
pair 4096 1 aes256gcm16 10.9.0.1 10.9.0.2 10.9.0.1/32 10.9.0.2/32 transport
for host in a b; do
	wait_for is 2 count $host state
done
check "requested: protected once there is one" pings 10.9.0.2
check "with ESP" wait $esp
for host in a b; do
	tell $host 'delete 4096 10.9.0.1'
	tell $host 'delete 4097 10.9.0.2'
	wait_for is 0 count $host state
done
check "and never clear again" refuses pings 10.9.0.2
crash a
start a kernel
tell a "policy 9 1 request 0.0.0.0/0 10.9.0.0/24 0 0 0"
tell a settled
wait_for said a '^done' 2
check "nor after a crash" refuses pings 10.9.0.2
stop a
stop b
finish
