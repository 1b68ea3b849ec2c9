# shellcheck shell=bash
# A throwaway MIT realm EXAMPLE.TEST in a folder: its own configuration, database and KDC on a high
# port. Nothing of the machine's own Kerberos is read or changed.

realm_secret() {
	od -An -N16 -tx1 /dev/urandom | tr -d ' \n'
}

# realm_create FOLDER ADDRESS [REALM...]: files and database; exports KRB5_CONFIG and the like. The
# same KDC serves the other realms, each of which trusts and is trusted by the one before it alone.
realm_create() {
	local name before=EXAMPLE.TEST

	realm_folder=$1
	realm_port=${realm_port:-8888}
	mkdir -p "$realm_folder"
	cat >"$realm_folder/krb5.conf" <<END
[libdefaults]
	default_realm = EXAMPLE.TEST
	dns_lookup_kdc = false
	dns_lookup_realm = false
	dns_canonicalize_hostname = false
	rdns = false
	default_keytab_name = FILE:$realm_folder/no-default-keytab
[realms]
	EXAMPLE.TEST = {
		kdc = $2:$realm_port
	}
[domain_realm]
	.example.test = EXAMPLE.TEST
[logging]
	kdc = FILE:$realm_folder/kdc.log
END
	cat >"$realm_folder/kdc.conf" <<END
[kdcdefaults]
	kdc_listen = $2:$realm_port
	kdc_tcp_listen = $2:$realm_port
[realms]
	EXAMPLE.TEST = {
		database_name = $realm_folder/principal
		key_stash_file = $realm_folder/stash
		acl_file = $realm_folder/acl
		supported_enctypes = aes256-cts-hmac-sha1-96:normal
		max_life = 10h
	}
END
	export KRB5_CONFIG=$realm_folder/krb5.conf KRB5_KDC_PROFILE=$realm_folder/kdc.conf
	export KRB5CCNAME=MEMORY:
	echo EXAMPLE.TEST >"$realm_folder/realms"
	kdb5_util create -s -r EXAMPLE.TEST -P "$(realm_secret)" >"$realm_folder/kdc.log" 2>&1 || return
	for name in "${@:3}"; do
		realm_add "$name" "$2" && realm_trust "$before" "$name" || return
		before=$name
	done
	realm_paths EXAMPLE.TEST "${@:3}"
}

# realm_add NAME ADDRESS: another realm, with a database of its own.
realm_add() {
	printf '[realms]\n\t%s = {\n\t\tkdc = %s\n\t}\n' "$1" "$2:$realm_port" >>"$realm_folder/krb5.conf"
	cat >>"$realm_folder/kdc.conf" <<END
[realms]
	$1 = {
		database_name = $realm_folder/principal-$1
		key_stash_file = $realm_folder/stash-$1
		acl_file = $realm_folder/acl
		supported_enctypes = aes256-cts-hmac-sha1-96:normal
	}
END
	echo "$1" >>"$realm_folder/realms"
	kdb5_util create -s -r "$1" -P "$(realm_secret)" >>"$realm_folder/kdc.log" 2>&1
}

# realm_trust ONE OTHER: keys between two realms, for both directions.
realm_trust() {
	local secret name

	secret=$(realm_secret)
	for name in "$1" "$2"; do
		printf 'addprinc -pw %s %s\n' "$secret" "krbtgt/$1@$2" "$secret" "krbtgt/$2@$1" |
			kadmin.local -r "$name" >>"$realm_folder/kdc.log" 2>&1 || return
	done
}

# realm_paths REALM...: clients and servers get from one to another by way of those between them.
realm_paths() {
	local from to between step

	[ $# -ge 3 ] || return 0
	echo '[capaths]' >>"$realm_folder/krb5.conf"
	for ((from = 1; from <= $#; from++)); do
		printf '\t%s = {\n' "${!from}" >>"$realm_folder/krb5.conf"
		for ((to = 1; to <= $#; to++)); do
			step=$((from < to ? 1 : -1))
			for ((between = from + step; from != to && between != to; between += step)); do
				printf '\t\t%s = %s\n' "${!to}" "${!between}" >>"$realm_folder/krb5.conf"
			done
		done
		printf '\t}\n' >>"$realm_folder/krb5.conf"
	done
}

# realm_of PRINCIPAL
realm_of() {
	case $1 in
	*@*) echo "${1##*@}" ;;
	*) echo EXAMPLE.TEST ;;
	esac
}

# realm_keytab FILE PRINCIPAL...: principals that are not there yet get a random key.
realm_keytab() {
	local file=$1 principal

	shift
	for principal in "$@"; do
		printf 'addprinc -randkey %s\nktadd -k %s -norandkey %s\n' \
			"$principal" "$file" "$principal" |
			kadmin.local -r "$(realm_of "$principal")" >>"$realm_folder/kdc.log" 2>&1
	done
	chmod 0600 "$file" 2>/dev/null
}

# realm_start [COMMAND...]: the KDC, by way of a command that runs what follows it elsewhere.
realm_start() {
	local realms=() name

	while read -r name; do
		realms+=(-r "$name")
	done <"$realm_folder/realms"
	"$@" /usr/sbin/krb5kdc -n "${realms[@]}" >>"$realm_folder/kdc.log" 2>&1 </dev/null &
	realm_pid=$!
	until grep -q 'commencing operation' "$realm_folder/kdc.log"; do
		kill -0 "$realm_pid" 2>/dev/null || return 1
		sleep 0.02
	done
}

realm_stop() {
	kill "$realm_pid"
	wait "$realm_pid" 2>/dev/null
	sed -i '/commencing operation/d' "$realm_folder/kdc.log"
}
