# shellcheck shell=bash
# libreswan's pluto on a host, as an IKEv1 peer; it needs a kernel with ESP. Its package cannot be
# installed beside strongSwan's, so that scripts/setup unpacks it into a folder. Needs
# scripts/lib/network.sh and $work.

libreswan_folder=${KINKD_LIBRESWAN:-$top_srcdir/build-peers/libreswan}
libreswan_programs=$libreswan_folder/usr/libexec/ipsec

declare -A libreswan_pid

libreswan_possible() {
	if [ ! -x "$libreswan_programs/pluto" ] || ! command -v certutil >/dev/null; then
		libreswan_problem="libreswan is missing: scripts/setup --no-build peers"
		return 1
	fi
}

# libreswan_config HOST WORD=VALUE...: its files; the words are those of strongswan_config, the
# proposals in libreswan's own. One connection, named peer. pfs=yes asks for PFS, with the group of
# phase 1 unless esp names one.
libreswan_config() {
	local name=$1 word folder=$work/$1/libreswan
	local local='' remote='' auth=psk psk=secret local_id='' remote_id='' aggressive=no ike=aes256-sha2_256-dh19
	local esp=aes_gcm256 pfs=no mode=tunnel local_ts='' remote_ts='' encap=auto rekey_time=1h
	local ike_rekey_time=4h dpd='' dpd_timeout=5s start_action=none log='' fragmentation=yes rekey=yes extra=''

	shift
	for word in "$@"; do
		local "${word%%=*}=${word#*=}"
	done
	mkdir -p "$folder"/{nss,ipsec.d/policies,run,dump}
	[ -e "$folder/nss/cert9.db" ] || certutil -N -d "sql:$folder/nss" --empty-password
	[ "$auth" != psk ] || printf ': PSK "%s"\n' "$psk" >"$folder/ipsec.secrets"
	libreswan_conn "$name" >"$folder/ipsec.conf"
	echo "$log" >"$folder/debug"
}

# The file, from the words of libreswan_config.
libreswan_conn() {
	local authby=secret

	case $auth in
	rsa) authby=rsasig ;;
	ecdsa) authby=ecdsa ;;
	esac
	cat <<END
config setup
	ikev1-policy=accept
conn peer
	ikev2=no
	left=$local
	right=$remote
	authby=$authby
	ike=$ike
	esp=$esp
	pfs=$pfs
	type=$mode
	aggressive=$aggressive
	encapsulation=$encap
	fragmentation=$fragmentation
	salifetime=$rekey_time
	ikelifetime=$ike_rekey_time
	rekey=$rekey
	rekeymargin=5s
	rekeyfuzz=0%
	retransmit-timeout=10s
	leftupdown=%disabled
	auto=$([ "$start_action" = start ] && echo start || echo add)
END
	[ -z "$local_id" ] || echo "	leftid=\"$local_id\""
	[ -z "$remote_id" ] || echo "	rightid=\"$remote_id\""
	[ -z "$local_ts" ] || echo "	leftsubnet=$local_ts"
	[ -z "$remote_ts" ] || echo "	rightsubnet=$remote_ts"
	[ "$auth" = psk ] || printf '\tleftcert=%s\n\tleftsendcert=always\n\trightca=%%same\n' "$1"
	[ -z "$dpd" ] || printf '\tdpddelay=%s\n\tdpdtimeout=%s\n\tdpdaction=clear\n' "$dpd" "$dpd_timeout"
	[ -z "$extra" ] || echo "	$extra"
}

# libreswan_id IDENTITY: in its words. It takes a name for one to be looked up unless it is marked.
libreswan_id() {
	case $1 in
	*[@=:]* | [0-9]*) echo "$1" ;;
	*) echo "@$1" ;;
	esac
}

# libreswan_own_id IDENTITY: that of its host; distinguished names as the certificate has them.
libreswan_own_id() {
	if [[ $1 = *=* ]]; then
		echo %fromcert
	else
		libreswan_id "$1"
	fi
}

# authority_give_libreswan FOLDER HOST: after libreswan_config.
authority_give_libreswan() {
	local nss=sql:$work/$2/libreswan/nss

	certutil -A -n ca -t CT,, -d "$nss" -i "$1/ca.pem" &&
		openssl pkcs12 -export -in "$1/$2.pem" -inkey "$1/$2.key" -name "$2" -passout pass: \
			-out "$work/$2/libreswan/$2.p12" &&
		pk12util -i "$work/$2/libreswan/$2.p12" -d "$nss" -W '' -K ''
}

# libreswan_start HOST: returns when its connection is loaded.
libreswan_start() {
	local folder=$work/$1/libreswan

	# pluto looks for its programs there; nothing else on this host does.
	in_host "$1" mount --bind "$libreswan_folder/usr/libexec" /usr/libexec || return
	: >"$folder/pluto.log"
	become_host "$1" "$libreswan_programs/pluto" --nofork --stderrlog --config "$folder/ipsec.conf" \
		--rundir "$folder/run" --secretsfile "$folder/ipsec.secrets" --ipsecdir "$folder/ipsec.d" \
		--nssdir "$folder/nss" --dumpdir "$folder/dump" --no-dnssec >"$folder/pluto.log" 2>&1 </dev/null &
	libreswan_pid[$1]=$!
	wait_for 10 test -S "$folder/run/pluto.ctl" && wait_for 10 whack_on "$1" --status || return
	[ ! -s "$folder/debug" ] || whack_on "$1" --debug "$(cat "$folder/debug")"
	in_host "$1" "$libreswan_programs/addconn" --config "$folder/ipsec.conf" \
		--ctlsocket "$folder/run/pluto.ctl" peer
	whack_on "$1" --listen && whack_on "$1" --rereadsecrets
}

# whack_on HOST ARGUMENT...
whack_on() {
	local name=$1

	shift
	in_host "$name" "$libreswan_programs/whack" --ctlsocket "$work/$name/libreswan/run/pluto.ctl" "$@"
}

# libreswan_stop HOST [SIGNAL]
libreswan_stop() {
	kill "-${2:-TERM}" "${libreswan_pid[$1]}" 2>/dev/null
	wait "${libreswan_pid[$1]}" 2>/dev/null
	rm -f "$work/$1/libreswan/run/"*
}

libreswan_initiate() {
	whack_on "$1" --name peer --initiate
}

# libreswan_made HOST child|ike: how many it has made since it started.
libreswan_made() {
	local what='IKE SA established'

	[ "$2" = ike ] || what='IPsec SA established'
	grep -c -- "$what" "$work/$1/libreswan/pluto.log"
}

# libreswan_renew HOST: phase 2. It forces no renewal in IKEv1, but makes another pair when it begins again.
libreswan_renew() {
	libreswan_initiate "$1"
}

# libreswan_delete HOST: both phases; it knows no other way.
libreswan_delete() {
	whack_on "$1" --terminate --name peer
}

libreswan_is_up() {
	whack_on "$1" --trafficstatus | grep -q peer
}

# libreswan_counters HOST: octets in and out of all its SAs together, a line for each.
libreswan_counters() {
	local text

	text=$(whack_on "$1" --trafficstatus) || return
	sum_of inBytes= "$text" && sum_of outBytes= "$text"
}
