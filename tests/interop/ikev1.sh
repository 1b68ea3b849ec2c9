# shellcheck shell=bash
# kinkd on a meets, by IKEv1, a peer of another make on b. Needs tests/interop/lib.sh.
#
# Where the kernel has no ESP, both ends carry it themselves, which strongSwan can only in tunnel mode
# and inside UDP.

# Proposals in each one's own words.
declare -A phase_1_words=([strongswan]=aes256-sha256-ecp256 [libreswan]=aes256-sha2_256-dh19)
declare -A esp_words=([strongswan]=aes256gcm16 [libreswan]=aes_gcm256)
# libreswan's PFS takes the group of phase 1.
declare -A esp_words_pfs=([strongswan]=aes256gcm16-ecp256 [libreswan]=aes_gcm256)

kernel_has_esp() {
	local state=(src 192.0.2.8 dst 192.0.2.9 proto esp spi 0x1000)

	in_host a ip xfrm state add "${state[@]}" mode transport \
		aead 'rfc4106(gcm(aes))' 0x0102030405060708090a0b0c0d0e0f1011121314 128 2>/dev/null &&
		in_host a ip xfrm state delete "${state[@]}"
}

# The two hosts, a router between them, an address of a network behind each, and certificates.
meet_hosts() {
	local kind

	host_add a 192.0.2.1 2001:db8::1
	host_add b 192.0.2.2 2001:db8::2
	host_add router 192.0.2.9 2001:db8::9
	host_link a router && host_link router b || die hosts "could not link a and b"
	meet_routes a 192.0.2.2 2001:db8::2 10.1.0.1 10.2.0.1
	meet_routes b 192.0.2.1 2001:db8::1 10.2.0.1 10.1.0.1
	in_host router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
		echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	kernel_has_esp && esp=kernel || esp=process
	for kind in rsa ecdsa; do
		authority_create "$work/$kind" $kind && authority_issue "$work/$kind" $kind a 192.0.2.1 &&
			authority_issue "$work/$kind" $kind b 192.0.2.2 || die certificates "were not made"
	done 2>"$work/authority.log"
	printf 'a secret that both ends hold\n' >"$work/psk"
	chmod 600 "$work/psk"
}

# meet_routes HOST IPV4 IPV6 NEAR FAR: by the router to the other, to and from what is behind both.
meet_routes() {
	in_host "$1" sh -e -c 'ip address add "$3/32" dev lo
		ip route add 192.0.2.0/24 via 192.0.2.9 dev to-router src "$5"
		ip route add "$4" via 192.0.2.9 dev to-router src "$3"
		ip -6 route add "$2" via 2001:db8::9 dev to-router src "$6"' \
		sh "$2" "$3" "$4" "$5" "${host_ipv4[$1]}" "${host_ipv6[$1]}"
}

# meet_nat a|b: the router masquerades this host from now on. To be called when no flow that it knows of
# goes on: it remembers them.
meet_nat() {
	in_host router iptables-legacy -t nat -F POSTROUTING &&
		in_host router iptables-legacy -t nat -A POSTROUTING -p udp -s "${host_ipv4[$1]}" -j MASQUERADE
}

# kinkd_config WORD=VALUE...: a's file. auth, mode, aggressive, pfs as for the peer; peer_options and
# policy_options go in as they are; nat says who is behind one, kinkd or the peer; authority is the folder
# of certificates, where it is not called as auth is; kinkd_id and peer_id are who each says it is, and
# expect whom kinkd expects if the peer has a certificate.
kinkd_config() {
	local word auth=psk mode=tunnel aggressive=no pfs=no peer_options='' policy_options='' ipv6=no nat=no
	local ends='remote = "partner";' remote=192.0.2.2 expect='' kinkd_id='' peer_id='' authority='' folder

	for word in "$@"; do
		local "${word%%=*}=${word#*=}"
	done
	[ "$ipv6" = no ] || remote=2001:db8::2
	[ "$nat" != peer ] || remote=192.0.2.9
	[ "$nat.$auth" != peer.psk ] || peer_options="remote_id = \"192.0.2.2\"; $peer_options"
	[ "$mode" = transport ] ||
		ends='local = "10.1.0.1"; remote = "10.2.0.1"; gateway = "'$remote'"; peer = "partner"; mode = "tunnel";'
	[ "$pfs" = no ] || policy_options="pfs = \"require\"; pfs_groups = \"ecp256\"; $policy_options"
	[ "$aggressive" = no ] || peer_options="ike_mode = \"aggressive\"; $peer_options"
	if [ "$auth" = psk ]; then
		peer_options="psk_file = \"$work/psk\"; $peer_options"
	else
		folder=$work/${authority:-$auth}
		: "${expect:=${peer_id:-b.example.test}}"
		peer_options="authentication = \"$auth-signature\"; certificate = \"$folder/a.pem\"; private_key = \"$folder/a.key\";
			ca = \"$folder/ca.pem\"; remote_id = \"$expect\"; $peer_options"
		[ ! -e "$folder/ca.crl" ] || peer_options="crl = \"$folder/ca.crl\"; crl_check = \"require\"; $peer_options"
	fi
	[ -z "$kinkd_id" ] || peer_options="local_id = \"$kinkd_id\"; $peer_options"
	daemon_config a <<END
peers = (
	{ name = "partner"; address = "$remote"; exchange = "ikev1"; ike = "aes256-sha256-ecp256";
	  $peer_options }
);
policies = (
	{ name = "meeting"; protect = "require"; esp = "aes256gcm16"; $ends $policy_options }
);
END
}

# peer_config WORD=VALUE...: b's files, for $peer, which the words go to that are not of kinkd_config alone.
# secret: another than kinkd's.
peer_config() {
	local word auth=psk mode=tunnel aggressive=no pfs=no ipv6=no nat=no words=() given=()
	local local=192.0.2.2 remote=192.0.2.1 secret kinkd_id=a.example.test peer_id=b.example.test authority=''

	secret=$(cat "$work/psk")
	for word in "$@"; do
		local "${word%%=*}=${word#*=}"
		case $word in
		pfs=* | ipv6=* | nat=* | expect=* | secret=* | peer_options=* | policy_options=*) ;;
		kinkd_id=* | peer_id=* | authority=*) ;;
		*) given+=("$word") ;;
		esac
	done
	[ "$ipv6" = no ] || local=2001:db8::2 remote=2001:db8::1
	[ "$nat" != kinkd ] || remote=192.0.2.9
	[ "$nat.$auth" != kinkd.psk ] || words+=(remote_id=192.0.2.1)
	words+=(local="$local" remote="$remote" psk="$secret" ike="${phase_1_words[$peer]}")
	if [ "$pfs" = no ]; then
		words+=(esp="${esp_words[$peer]}")
	else
		words+=(esp="${esp_words_pfs[$peer]}")
	fi
	[ "$mode" = transport ] || words+=(local_ts=10.2.0.1/32 remote_ts=10.1.0.1/32)
	case $peer in
	strongswan) [ "$esp" = kernel ] || words+=(ipsec=kernel-libipsec) ;;
	libreswan) [ "$pfs" = no ] || words+=(pfs=yes) ;;
	esac
	[ "$auth" = psk ] || words+=(local_id="$("${peer}_own_id" "$peer_id")" remote_id="$("${peer}_id" "$kinkd_id")")
	"${peer}_config" b "${words[@]}" "${given[@]}"
	[ "$auth" = psk ] || "authority_give_$peer" "$work/${authority:-$auth}" b >/dev/null
}

peer_start() {
	"${peer}_start" b >"$work/start.log" 2>&1 || die "$peer" "did not start" "$work/b/$peer/"*.log
}

peer_stop() {
	"${peer}_stop" b "$1"
}

# both_start WORD=VALUE...
both_start() {
	kinkd_config "$@"
	peer_config "$@"
	: >"$work/a/kinkd.log"
	peer_start
	start a
}

both_stop() {
	daemon_stop a
	peer_stop TERM
}

# meet_ends WORD=VALUE...: the addresses of the traffic, as $near and $far.
meet_ends() {
	near=10.1.0.1 far=10.2.0.1
	[[ " $* " != *' mode=transport '* ]] || near=${host_ipv4[a]} far=${host_ipv4[b]}
	[[ " $* " != *' mode=transport '*' ipv6=yes '* ]] || near=${host_ipv6[a]} far=${host_ipv6[b]}
}

# kinkd's packets and octets out and in.
kinkd_counter() {
	kinkctl_on a sa --json | jq "[.sas[].$1] | add // 0"
}

# traffic_begins ADDRESS: a's traffic makes SAs. Its first packet goes out right behind quick mode's last
# message, and a peer may not have its SAs in place then.
traffic_begins() {
	wait_for 10 ping_from a "$1" $patience
}

# All counters are beyond these: kinkd's of octets in and out, and the peer's.
counters_beyond() {
	[ "$(kinkd_counter bytes_in)" -gt "$1" ] && [ "$(kinkd_counter bytes_out)" -gt "$2" ] &&
		[ "$("${peer}_counter" b bytes-in)" -gt "$3" ] &&
		[ "$("${peer}_counter" b bytes-out)" -gt "$4" ]
}

# Each end's counters move with a ping each way.
traffic_counts() {
	local in out peer_in peer_out

	in=$(kinkd_counter bytes_in) out=$(kinkd_counter bytes_out)
	peer_in=$("${peer}_counter" b bytes-in) peer_out=$("${peer}_counter" b bytes-out)
	ping_from a "$far" && ping_from b "$near" || return
	wait_for 5 counters_beyond "$in" "$out" "$peer_in" "$peer_out"
}

# An argument of the script, or $KINKD_ONLY, else all: which meetings take place.
meet_pattern=${1:-${KINKD_ONLY:-.}}

# meet WHAT kinkd|peer WORD=VALUE...: one of them begins; packets pass, both count them.
meet() {
	local what=$1 who=$2

	[[ "$what, $who" =~ $meet_pattern ]] || return 0
	shift 2
	meet_ends "$@"
	both_start "$@"
	if [ "$who" = kinkd ]; then
		check "$what, kinkd begins" traffic_begins "$far"
	else
		check "$what, the peer begins" "${peer}_initiate" b
	fi
	check "$what: the peer has SAs" wait_for 5 "${peer}_is_up" b
	check "$what: so has kinkd" wait_for 5 established a meeting
	check "$what: packets pass, both ends count" traffic_counts
	meet_evidence
	both_stop
}

# Pings from a, so many a second for so many seconds, all answered.
keeps_passing() {
	local count=$(($1 * $2)) gap

	gap=$(awk "BEGIN { print 1 / $1 }")
	in_host a ping -n -i "$gap" -c "$count" -W $((2 * patience)) 10.2.0.1 | tee "$work/pings" |
		grep -q " $count received"
}

# passes: pings each way.
passes() {
	traffic_begins 10.2.0.1 && wait_for 5 ping_from b 10.1.0.1 1
}

# meet_renewal: kinkd makes both phases anew. A minute.
meet_renewal() {
	[[ "renewal, kinkd" =~ $meet_pattern ]] || return 0
	both_start policy_options='lifetime = "60 s";' peer_options='ike_lifetime = "60 s";'
	check "SAs are made" traffic_begins 10.2.0.1
	check "packets pass while kinkd makes both phases anew" keeps_passing 2 65
	check "the peer has seen it" peer_made 2 2
	meet_evidence
	both_stop
}

# meet_life: the peer makes both phases anew, SAs are deleted by either end, and each end crashes and comes
# back.
meet_life() {
	[[ "renewal, deletion, restart, peer" =~ $meet_pattern ]] || return 0
	both_start rekey_time=20s ike_rekey_time=30s peer_options='dpd = "2 s"; dpd_timeout = "6 s";'
	check "the peer makes SAs" "${peer}_initiate" b
	check "packets pass while it makes both phases anew" keeps_passing 2 35
	check "it did so" peer_made 2 2
	check "the peer deletes" "${peer}_delete" b
	check "kinkd has no SAs then" wait_for 15 kinkd_has 0
	check "traffic brings them back" passes
	check "kinkd deletes" kinkctl_on a terminate 192.0.2.2
	check "the peer has no SAs then" wait_for 5 is_not "${peer}_is_up" b
	check "traffic brings them back" passes
	meet_evidence
	peer_crash
	check_log "kinkd notices when the peer has crashed" a 'the peer is dead' 20
	check "its SAs go" wait_for 10 kinkd_has 0
	peer_start
	check "when it is back, packets pass" passes
	daemon_stop a KILL
	start a
	check "when kinkd is back from a crash, packets pass" passes
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

# What there is to see when something failed.
meet_evidence() {
	[ "$test_failed" != "${evidence_at:-0}" ] || return 0
	evidence_at=$test_failed
	echo "# $peer:"
	tail -n 60 "$work/b/$peer/"*.log | sed 's/^/#   /'
	echo "# kinkd:"
	tail -n 60 "$work/a/kinkd.log" | sed 's/^/#   /'
}
