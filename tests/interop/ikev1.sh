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

# The two hosts, with an address of a network behind each, and certificates.
meet_hosts() {
	local kind

	host_add a 192.0.2.1 2001:db8::1
	host_add b 192.0.2.2 2001:db8::2
	host_link a b || die hosts "could not link a and b"
	in_host a sh -c 'ip address add 10.1.0.1/32 dev lo && ip route add 10.2.0.1 dev to-b src 10.1.0.1'
	in_host b sh -c 'ip address add 10.2.0.1/32 dev lo && ip route add 10.1.0.1 dev to-a src 10.2.0.1'
	kernel_has_esp && esp=kernel || esp=process
	for kind in rsa ecdsa; do
		authority_create "$work/$kind" $kind && authority_issue "$work/$kind" $kind a 192.0.2.1 &&
			authority_issue "$work/$kind" $kind b 192.0.2.2 || die certificates "were not made"
	done 2>"$work/authority.log"
	printf 'a secret that both ends hold\n' >"$work/psk"
	chmod 600 "$work/psk"
}

# kinkd_config WORD=VALUE...: a's file. auth, mode, aggressive, pfs as for the peer; peer_options and
# policy_options go in as they are.
kinkd_config() {
	local word auth=psk mode=tunnel aggressive=no pfs=no peer_options='' policy_options='' ipv6=no
	local ends='remote = "partner";' remote=192.0.2.2

	for word in "$@"; do
		local "${word%%=*}=${word#*=}"
	done
	[ "$ipv6" = no ] || remote=2001:db8::2
	[ "$mode" = transport ] ||
		ends='local = "10.1.0.1"; remote = "10.2.0.1"; gateway = "'$remote'"; peer = "partner"; mode = "tunnel";'
	[ "$pfs" = no ] || policy_options="pfs = \"require\"; pfs_groups = \"ecp256\"; $policy_options"
	[ "$aggressive" = no ] || peer_options="ike_mode = \"aggressive\"; $peer_options"
	if [ "$auth" = psk ]; then
		peer_options="psk_file = \"$work/psk\"; $peer_options"
	else
		peer_options="authentication = \"$auth-signature\"; certificate = \"$work/$auth/a.pem\"; private_key = \"$work/$auth/a.key\";
			ca = \"$work/$auth/ca.pem\"; remote_id = \"b.example.test\"; $peer_options"
	fi
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

# peer_config WORD=VALUE...: b's files, for $peer.
peer_config() {
	local word auth=psk mode=tunnel aggressive=no pfs=no ipv6=no words=()
	local local=192.0.2.2 remote=192.0.2.1

	for word in "$@"; do
		local "${word%%=*}=${word#*=}"
		case $word in
		pfs=* | ipv6=* | peer_options=* | policy_options=*) ;;
		*) words+=("$word") ;;
		esac
	done
	[ "$ipv6" = no ] || local=2001:db8::2 remote=2001:db8::1
	words+=(local="$local" remote="$remote" psk="$(cat "$work/psk")" ike="${phase_1_words[$peer]}")
	if [ "$pfs" = no ]; then
		words+=(esp="${esp_words[$peer]}")
	else
		words+=(esp="${esp_words_pfs[$peer]}")
	fi
	[ "$mode" = transport ] || words+=(local_ts=10.2.0.1/32 remote_ts=10.1.0.1/32)
	case $peer in
	strongswan)
		[ "$esp" = kernel ] || words+=(ipsec=kernel-libipsec)
		[ "$auth" = psk ] || words+=(local_id=b.example.test remote_id=a.example.test)
		;;
	libreswan)
		[ "$pfs" = no ] || words+=(pfs=yes)
		[ "$auth" = psk ] || words+=(local_id=@b.example.test remote_id=@a.example.test)
		;;
	esac
	"${peer}_config" b "${words[@]}"
	[ "$auth" = psk ] || "authority_give_$peer" "$work/$auth" b >/dev/null
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

# Addresses of the traffic.
far_of_a() {
	[ "${1:-tunnel}" = transport ] && echo 192.0.2.2 || echo 10.2.0.1
}

far_of_b() {
	[ "${1:-tunnel}" = transport ] && echo 192.0.2.1 || echo 10.1.0.1
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
	local mode=${1:-tunnel} in out peer_in peer_out

	in=$(kinkd_counter bytes_in) out=$(kinkd_counter bytes_out)
	peer_in=$("${peer}_counter" b bytes-in) peer_out=$("${peer}_counter" b bytes-out)
	ping_from a "$(far_of_a "$mode")" && ping_from b "$(far_of_b "$mode")" || return
	wait_for 5 counters_beyond "$in" "$out" "$peer_in" "$peer_out"
}

# An argument of the script, else all: which meetings take place.
meet_pattern=${1:-.}

# meet WHAT kinkd|peer WORD=VALUE...: one of them begins; packets pass, both count them.
meet() {
	local what=$1 who=$2 mode=tunnel word

	[[ "$what, $who" =~ $meet_pattern ]] || return 0
	shift 2
	for word in "$@"; do
		[ "${word%%=*}" != mode ] || mode=${word#*=}
	done
	both_start "$@"
	if [ "$who" = kinkd ]; then
		check "$what, kinkd begins" traffic_begins "$(far_of_a "$mode")"
	else
		check "$what, the peer begins" "${peer}_initiate" b
	fi
	check "$what: the peer has SAs" wait_for 5 "${peer}_is_up" b
	check "$what: so has kinkd" wait_for 5 established a meeting
	check "$what: packets pass, both ends count" traffic_counts "$mode"
	meet_evidence
	both_stop
}

# What there is to see when something failed.
meet_evidence() {
	[ "$test_failed" != "${evidence_at:-0}" ] || return 0
	evidence_at=$test_failed
	echo "# $peer:"
	tail -n 25 "$work/b/$peer/"*.log | sed 's/^/#   /'
	echo "# kinkd:"
	tail -n 25 "$work/a/kinkd.log" | sed 's/^/#   /'
}
