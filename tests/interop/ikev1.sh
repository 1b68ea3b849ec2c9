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

# The two hosts, a router between them, and an address of a network behind each.
meet_hosts() {
	host_add a 192.0.2.1 2001:db8::1
	host_add b 192.0.2.2 2001:db8::2
	host_add router 192.0.2.9 2001:db8::9
	host_link a router && host_link router b || die hosts "could not link a and b"
	meet_routes a 192.0.2.2 2001:db8::2 10.1.0.1 10.2.0.1
	meet_routes b 192.0.2.1 2001:db8::1 10.2.0.1 10.1.0.1
	in_host router sh -c 'echo 1 >/proc/sys/net/ipv4/ip_forward
		echo 1 >/proc/sys/net/ipv6/conf/all/forwarding'
	kernel_has_esp && esp=kernel || esp=process
	printf 'a secret that both ends hold\n' >"$work/psk"
	chmod 600 "$work/psk"
}

# certificates_of rsa|ecdsa: a's and b's, once, in a folder that is called so.
certificates_of() {
	[ ! -e "$work/$1/b.pem" ] || return 0
	authority_create "$work/$1" "$1" && authority_issue "$work/$1" "$1" a 192.0.2.1 &&
		authority_issue "$work/$1" "$1" b 192.0.2.2
}

# meet_routes HOST IPV4 IPV6 NEAR FAR: by the router to the other, to and from what is behind both.
meet_routes() {
	in_host "$1" sh -e -c 'ip address add "$3/32" dev lo
		ip route add 192.0.2.0/24 via 192.0.2.9 dev to-router src "$5"
		ip route add "$4" via 192.0.2.9 dev to-router src "$3"
		ip -6 route add "$2" via 2001:db8::9 dev to-router src "$6"' \
		sh "$2" "$3" "$4" "$5" "${host_ipv4[$1]}" "${host_ipv6[$1]}"
}

# kinkd_config WORD=VALUE...: a's file. auth, mode, aggressive, pfs as for the peer; peer_options and
# policy_options go in as they are, kinkd_ike is its proposal for phase 1; nat says who is behind one, kinkd or the peer; authority is the folder
# of certificates, where it is not called as auth is; kinkd_id and peer_id are who each says it is, and
# expect whom kinkd expects if the peer has a certificate.
kinkd_config() {
	local word auth=psk mode=tunnel aggressive=no pfs=no peer_options='' policy_options='' ipv6=no nat=no
	local ends='remote = "partner";' remote=192.0.2.2 expect='' kinkd_id='' peer_id='' authority='' folder
	local kinkd_ike=aes256-sha256-ecp256

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
		[ -n "$authority" ] || certificates_of "$auth" 2>"$work/authority.log" ||
			die certificates "were not made" "$work/authority.log"
		: "${expect:=${peer_id:-b.example.test}}"
		peer_options="authentication = \"$auth-signature\"; certificate = \"$folder/a.pem\"; private_key = \"$folder/a.key\";
			ca = \"$folder/ca.pem\"; remote_id = \"$expect\"; $peer_options"
		[ ! -e "$folder/ca.crl" ] || peer_options="crl = \"$folder/ca.crl\"; crl_check = \"require\"; $peer_options"
	fi
	[ -z "$kinkd_id" ] || peer_options="local_id = \"$kinkd_id\"; $peer_options"
	daemon_config a <<END
peers = (
	{ name = "partner"; address = "$remote"; exchange = "ikev1"; ike = "$kinkd_ike";
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
		kinkd_id=* | kinkd_ike=* | peer_id=* | authority=*) ;;
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
	local said=" $* "

	near=10.1.0.1 far=10.2.0.1
	[[ $said = *' mode=transport '* ]] || return 0
	near=${host_ipv4[a]} far=${host_ipv4[b]}
	[[ $said != *' ipv6=yes '* ]] || near=${host_ipv6[a]} far=${host_ipv6[b]}
	[[ $said != *' nat=kinkd '* ]] || near=${host_ipv4[router]}
	[[ $said != *' nat=peer '* ]] || far=${host_ipv4[router]}
}

# traffic_begins ADDRESS: a's traffic makes SAs. Its first packet goes out right behind quick mode's last
# message, and a peer may not have its SAs in place then.
traffic_begins() {
	wait_for 10 ping_from a "$1" $patience
}

# kinkd's octets in and out, then the peer's. To start a program takes long under User Mode Linux.
counters() {
	local text

	text=$(kinkctl_on a sa --json) || return
	sum_of '"bytes_in": ' "$text" && sum_of '"bytes_out": ' "$text" && "${peer}_counters" b
}

# sum_of WORD TEXT: of the numbers that follow that word.
sum_of() {
	local sum=0 rest=$2

	while [[ $rest =~ "$1"([0-9]+) ]]; do
		sum=$((sum + BASH_REMATCH[1]))
		rest=${rest#*"${BASH_REMATCH[0]}"}
	done
	echo "$sum"
}

# Each of the four moves with a ping each way.
traffic_moves_counters() {
	local before after i

	mapfile -t before < <(counters)
	ping_from a "$far" && ping_from b "$near" || return
	mapfile -t after < <(counters)
	[ "${#before[@]}.${#after[@]}" = 4.4 ] || return
	for i in 0 1 2 3; do
		[ "${after[i]}" -gt "${before[i]}" ] || return
	done
}

# Once more where SAs were replaced meanwhile, whose counters then begin anew.
traffic_counts() {
	wait_for 10 traffic_moves_counters
}

# An argument of the script, or $KINKD_ONLY, else all: which meetings take place.
meet_pattern=${1:-${KINKD_ONLY:-.}}

# meet WHAT kinkd|peer WORD=VALUE...: one of them begins; packets pass, both count them. Then comes what is
# called $after_meeting, with the first two of these.
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
	"${after_meeting:-:}" "$what" "$who"
	meet_evidence
	both_stop
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
