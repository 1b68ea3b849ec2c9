# shellcheck shell=bash
# What becomes of IKEv1's SAs with a peer of another make: made anew by either end, deleted by either, lost
# when one crashes; and across NATs. Needs tests/interop/ikev1.sh.

# keeps_passing SECONDS: pings from a, five a second, are answered but for three at most: a peer's new SA may
# be used shortly before it has it.
keeps_passing() {
	local count=$((5 * $1)) answered

	in_host a ping -n -i 0.2 -c "$count" -W $((2 * patience)) 10.2.0.1 >"$work/pings"
	answered=$(sed -n 's/.* \([0-9]*\) received.*/\1/p' "$work/pings")
	echo "$answered of $count were answered"
	[ "${answered:-0}" -ge $((count - 3)) ]
}

# passes: a's traffic makes SAs, and packets pass each way inside them.
passes() {
	traffic_begins "$far" && traffic_counts
}

# meet_renewal: kinkd makes both phases anew. A minute.
meet_renewal() {
	[[ "renewal, kinkd" =~ $meet_pattern ]] || return 0
	meet_ends
	both_start policy_options='lifetime = "60 s";' peer_options='ike_lifetime = "60 s";'
	check "SAs are made" traffic_begins "$far"
	check "packets pass while kinkd makes both phases anew" keeps_passing 65
	check "the peer has seen it" wait_for 5 peer_made 2 2
	check "under the new ones packets pass, both ends count" traffic_counts
	meet_evidence
	both_stop
}

# meet_peers_renewal: the peer makes both phases anew.
meet_peers_renewal() {
	[[ "renewal, peer" =~ $meet_pattern ]] || return 0
	meet_ends
	both_start rekey_time=20s ike_rekey_time=30s
	check "the peer makes SAs" "${peer}_initiate" b
	check "packets pass while it makes both phases anew" keeps_passing 35
	check "it did so" wait_for 5 peer_made 2 2
	check "under the new ones packets pass, both ends count" traffic_counts
	meet_evidence
	both_stop
}

# meet_deletion: SAs are deleted by either end.
meet_deletion() {
	[[ "deletion" =~ $meet_pattern ]] || return 0
	meet_ends
	both_start
	check "SAs for the peer to delete" passes
	check "the peer deletes" "${peer}_delete" b
	check "kinkd has no SAs then" wait_for 15 kinkd_has 0
	check "traffic brings them back, both ends count" passes
	check "kinkd deletes" kinkctl_on a terminate 192.0.2.2
	check "the peer has no SAs then" wait_for 5 is_not "${peer}_is_up" b
	check "traffic brings them back, both ends count" passes
	meet_evidence
	both_stop
}

# meet_crashes: each end notices that the other is dead, and each comes back.
meet_crashes() {
	[[ "crashes" =~ $meet_pattern ]] || return 0
	meet_ends
	both_start dpd=3s dpd_timeout=12s peer_options='dpd = "3 s"; dpd_timeout = "12 s";'
	check "SAs for crashes" passes
	peer_crash
	check_log "kinkd notices when the peer has crashed" a 'the peer is dead' 20
	check "its SAs go" wait_for 10 kinkd_has 0
	peer_start
	check "when it is back, packets pass, both ends count" passes
	peer_crash
	peer_start
	check "it crashes and begins again at once" "${peer}_initiate" b
	check "packets pass, both ends count" traffic_counts
	daemon_stop a KILL
	check "the peer notices when kinkd has crashed" wait_for 20 is_not "${peer}_is_up" b
	start a
	check "when kinkd is back, packets pass, both ends count" passes
	daemon_stop a KILL
	start a
	check "it crashes and begins again at once: packets pass, both ends count" passes
	meet_evidence
	both_stop
}

# The whole host goes down, with what its kernel knows.
peer_crash() {
	peer_stop KILL
	in_host b sh -c 'ip xfrm state flush; ip xfrm policy flush'
}

# kinkd_has COUNT: pairs of SAs.
kinkd_has() {
	[ "$(kinkctl_on a sa --json | jq '.sas | length')" = "$1" ]
}

# peer_made CHILD-COUNT IKE-COUNT: it says that it has made so many at least.
peer_made() {
	[ "$("${peer}_made" b child)" -ge "$1" ] && [ "$("${peer}_made" b ike)" -ge "$2" ]
}

# meet_nat a|b: the router masquerades this host from now on. To be called when no flow that it knows of
# goes on: it remembers them.
meet_nat() {
	in_host router iptables-legacy -t nat -F POSTROUTING &&
		in_host router iptables-legacy -t nat -A POSTROUTING -p udp -s "${host_ipv4[$1]}" -j MASQUERADE
}

# meet_across WHAT kinkd|peer: for $after_meeting, the end that did not begin, which is not behind the NAT.
meet_across() {
	if [ "$2" = peer ]; then
		check "$1: kinkd makes phase 2 anew" kinkctl_on a initiate "$far"
	else
		check "$1: the peer makes phase 2 anew" "${peer}_renew" b
	fi
	check "$1: the peer has seen it" wait_for 20 peer_made 2 1
	check "$1: then packets pass, both ends count" traffic_counts
}
