# shellcheck shell=bash
# strongSwan's charon on a host, as an IKEv1 peer; scripts/setup unpacks it into a folder, so that nothing
# starts it but tests. Needs scripts/lib/network.sh and $work.

strongswan_daemon=${KINKD_STRONGSWAN:-$top_srcdir/build-peers/strongswan}/usr/sbin/charon-systemd

strongswan_plugins='aes sha1 sha2 hmac kdf nonce random x509 revocation pubkey pem pkcs1 pkcs8 openssl
	constraints socket-default vici'

declare -A strongswan_pid

strongswan_possible() {
	if [ ! -x "$strongswan_daemon" ] || ! command -v swanctl >/dev/null; then
		strongswan_problem="strongSwan is missing: scripts/setup --no-build peers"
		return 1
	fi
}

# strongswan_config HOST WORD=VALUE...: its files. One connection `peer` with one child `child`:
#
#   local, remote            addresses of the two ends
#   auth                     psk (the default), rsa, ecdsa
#   psk                      the secret
#   local_id, remote_id      identities; the addresses, or the subjects of certificates
#   aggressive               yes, no
#   ike, esp                 proposals in strongSwan's words; esp with a group: PFS
#   mode                     tunnel, transport
#   local_ts, remote_ts      traffic selectors, where they are not the addresses
#   ipsec                    kernel-netlink, or kernel-libipsec: ESP in the process itself
#   encap                    yes: UDP encapsulation without a NAT
#   rekey_time, ike_rekey_time, life_time, dpd, dpd_timeout
#   start_action             none, trap, start
#   fragmentation, fragment_size
#   send_cert                always, ifasked, never
#   send_certreq             yes, no
#   remote_cert              path of the other end's certificate, where that is not sent
#   revocation               strict: a certificate counts only if a list says that it was not revoked
#   log                      level of all that it logs; from 4 on with keys
strongswan_config() {
	local name=$1 word folder=$work/$1/strongswan
	local local='' remote='' auth=psk psk=secret local_id='' remote_id='' aggressive=no ike=aes256-sha256-ecp256
	local esp=aes256gcm16 mode=tunnel local_ts='' remote_ts='' ipsec=kernel-netlink encap=no rekey_time=1h
	local ike_rekey_time=4h life_time='' dpd=0s dpd_timeout=5s start_action=none log=1 ike_version=1 extra=''
	local fragmentation=yes fragment_size=1280 send_cert=ifasked revocation=relaxed
	local send_certreq=yes remote_cert=''

	shift
	for word in "$@"; do
		local "${word%%=*}=${word#*=}"
	done
	mkdir -p "$folder/swanctl"/{x509,x509ca,x509crl,private,rsa,ecdsa,pkcs8,conf.d}
	cat >"$folder/strongswan.conf" <<END
charon-systemd {
	load = $(echo $strongswan_plugins) $([ "$ipsec" = kernel-netlink ] || echo "$ipsec") kernel-netlink
	retransmit_timeout = 1
	retransmit_tries = 3
	install_virtual_ip = no
	accept_unencrypted_mainmode_messages = no
	i_dont_care_about_security_and_use_aggressive_mode_psk = yes
	fragment_size = $fragment_size
	filelog {
		charon {
			path = $folder/charon.log
			default = $log
			flush_line = yes
			time_format = %T
		}
	}
	journal { default = -1 }
	plugins {
		vici { socket = unix://$folder/vici }
		kernel-libipsec { allow_peer_ts = yes }
	}
	$extra
}
swanctl {
	socket = unix://$folder/vici
	load = random x509 pem pkcs1 pkcs8 openssl
}
END
	strongswan_swanctl >"$folder/swanctl/swanctl.conf"
}

# The file of swanctl, from the words of strongswan_config.
strongswan_swanctl() {
	local local_auth=$auth

	[ "$auth" = psk ] || local_auth=pubkey
	cat <<END
connections {
	peer {
		version = $ike_version
		aggressive = $aggressive
		local_addrs = $local
		remote_addrs = $remote
		proposals = $ike
		encap = $encap
		rekey_time = $ike_rekey_time
		dpd_delay = $dpd
		dpd_timeout = $dpd_timeout
		fragmentation = $fragmentation
		$([ "$auth" = psk ] || printf 'send_cert = %s\n\t\tsend_certreq = %s' "$send_cert" "$send_certreq")
		local {
			auth = $local_auth
			$([ -z "$local_id" ] || echo "id = \"$local_id\"")
			$([ "$auth" = psk ] || echo "certs = $name.pem")
		}
		remote {
			auth = $local_auth
			$([ -z "$remote_id" ] || echo "id = \"$remote_id\"")
			$([ "$auth" = psk ] || echo "revocation = $revocation")
			$([ -z "$remote_cert" ] || echo "certs = $remote_cert")
		}
		children {
			child {
				mode = $mode
				esp_proposals = $esp
				$([ -z "$local_ts" ] || echo "local_ts = $local_ts")
				$([ -z "$remote_ts" ] || echo "remote_ts = $remote_ts")
				rekey_time = $rekey_time
				$([ -z "$life_time" ] || echo "life_time = $life_time")
				start_action = $start_action
				dpd_action = clear
			}
		}
	}
}
END
	[ "$auth" != psk ] || printf 'secrets {\n\tike-peer {\n\t\tsecret = "%s"\n\t}\n}\n' "$psk"
}

# strongswan_id IDENTITY: in its words.
strongswan_id() {
	echo "$1"
}

# strongswan_own_id IDENTITY: that of its host. Written down, a distinguished name gets other octets than the
# certificate has; it is the certificate's if none is written.
strongswan_own_id() {
	[[ $1 = *=* ]] || strongswan_id "$1"
}

# strongswan_start HOST: returns when its connection is loaded.
strongswan_start() {
	local folder=$work/$1/strongswan

	: >"$folder/charon.log"
	become_host "$1" env STRONGSWAN_CONF="$folder/strongswan.conf" "$strongswan_daemon" \
		>"$folder/output.log" 2>&1 </dev/null &
	strongswan_pid[$1]=$!
	wait_for 10 test -S "$folder/vici" && wait_for 5 strongswan_on "$1" --load-all --noprompt
}

# strongswan_on HOST ARGUMENT...: swanctl.
strongswan_on() {
	local name=$1

	shift
	in_host "$name" env STRONGSWAN_CONF="$work/$name/strongswan/strongswan.conf" \
		SWANCTL_DIR="$work/$name/strongswan/swanctl" swanctl "$@"
}

# strongswan_stop HOST [SIGNAL]
strongswan_stop() {
	kill "-${2:-TERM}" "${strongswan_pid[$1]}" 2>/dev/null
	wait "${strongswan_pid[$1]}" 2>/dev/null
	rm -f "$work/$1/strongswan/vici"
}

# strongswan_initiate HOST: phase 1 if there is none, and the child.
strongswan_initiate() {
	strongswan_on "$1" --initiate --child child --timeout $((10 * patience))
}

# strongswan_is_up HOST: whether the child is installed.
strongswan_is_up() {
	strongswan_on "$1" --list-sas --raw | grep -q 'state=INSTALLED'
}

# strongswan_count HOST: installed pairs of SAs; strongswan_count HOST established: of phase 1.
strongswan_count() {
	strongswan_on "$1" --list-sas --raw |
		grep -o "state=$([ "${2:-}" = established ] && echo ESTABLISHED || echo INSTALLED)" | wc -l
}

# strongswan_made HOST child|ike: how many it has made since it started.
strongswan_made() {
	local what='IKE_SA peer\[[0-9]+\] established'

	[ "$2" = ike ] || what='CHILD_SA child\{[0-9]+\} established'
	grep -Ec -- "$what" "$work/$1/strongswan/charon.log"
}

# strongswan_renew HOST: phase 2.
strongswan_renew() {
	strongswan_on "$1" --rekey --child child
}

# strongswan_delete HOST: the child; phase 1 stays.
strongswan_delete() {
	strongswan_on "$1" --terminate --child child
}

# strongswan_counters HOST: octets in and out of all its SAs together, a line for each.
strongswan_counters() {
	local text

	text=$(strongswan_on "$1" --list-sas --raw) || return
	sum_of bytes-in= "$text" && sum_of bytes-out= "$text"
}
