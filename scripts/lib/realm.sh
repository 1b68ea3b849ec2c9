# shellcheck shell=bash
# A throwaway MIT realm EXAMPLE.TEST in a folder: its own configuration, database and KDC on a high
# port. Nothing of the machine's own Kerberos is read or changed.

# realm_create FOLDER ADDRESS: files and database; exports KRB5_CONFIG and the like.
realm_create() {
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
	kdb5_util create -s -r EXAMPLE.TEST -P "$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')" \
		>"$realm_folder/kdc.log" 2>&1
}

# realm_keytab FILE PRINCIPAL...: principals that are not there yet get a random key.
realm_keytab() {
	local file=$1 principal

	shift
	for principal in "$@"; do
		printf 'addprinc -randkey %s\n' "$principal"
		printf 'ktadd -k %s -norandkey %s\n' "$file" "$principal"
	done | kadmin.local -r EXAMPLE.TEST >>"$realm_folder/kdc.log" 2>&1
	chmod 0600 "$file" 2>/dev/null
}

# realm_start [COMMAND...]: the KDC, by way of a command that runs what follows it elsewhere.
realm_start() {
	"$@" /usr/sbin/krb5kdc -n -r EXAMPLE.TEST >>"$realm_folder/kdc.log" 2>&1 </dev/null &
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
