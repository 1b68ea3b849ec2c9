# shellcheck shell=bash
# A throwaway Active Directory domain EXAMPLE.TEST: Samba as its domain controller, on a host of a
# sandbox. Needs root, for the owners of its files. Nothing of the machine's own Samba is touched.

# directory_possible: else why not is in directory_problem.
directory_possible() {
	if [ "$(id -u)" != 0 ] || ! grep -q '4294967295$' /proc/self/uid_map; then
		directory_problem="a Samba domain controller needs root"
	elif ! command -v samba samba-tool >/dev/null; then
		directory_problem="Samba is not installed"
	else
		return 0
	fi
	return 1
}

# directory_create FOLDER HOST ADDRESS: the domain, and krb5.conf for its members, which is exported
# as KRB5_CONFIG.
directory_create() {
	directory_folder=$1
	directory_host=$2
	mkdir -p "$1"
	cat >"$1/krb5.conf" <<END
[libdefaults]
	default_realm = EXAMPLE.TEST
	dns_lookup_kdc = false
	dns_lookup_realm = false
	dns_canonicalize_hostname = false
	rdns = false
	default_keytab_name = FILE:$1/no-default-keytab
[realms]
	EXAMPLE.TEST = {
		kdc = $3
	}
[domain_realm]
	.example.test = EXAMPLE.TEST
END
	export KRB5_CONFIG=$1/krb5.conf KRB5CCNAME=MEMORY:
	directory_run mkdir -p /run/samba /run/lock &&
		directory_run samba-tool domain provision --realm=EXAMPLE.TEST --domain=EXAMPLE \
			--server-role=dc --dns-backend=SAMBA_INTERNAL --targetdir="$1/samba" \
			--host-name="$2" --host-ip="$3" --adminpass="Aa1.$(realm_secret)" \
			--option="log file = $1/samba.log" >"$1/provision.log" 2>&1 </dev/null &&
		sed -i '/^\[global\]/a server services = ldap cldap kdc rpc' "$1/samba/etc/smb.conf"
}

# directory_run COMMAND...: where the domain controller runs.
directory_run() {
	in_host "$directory_host" "$@"
}

# directory_tool ARGUMENT...: samba-tool on its files.
directory_tool() {
	directory_run samba-tool "$@" -s "$directory_folder/samba/etc/smb.conf" \
		>>"$directory_folder/tool.log" 2>&1 </dev/null
}

# directory_start FILE NAME: the domain controller; returns when the account NAME, whose keytab is
# FILE, gets a ticket.
directory_start() {
	become_host "$directory_host" samba -s "$directory_folder/samba/etc/smb.conf" -F \
		--no-process-group --debug-stdout >"$directory_folder/samba.log" 2>&1 </dev/null &
	directory_pid=$!
	wait_for 20 directory_run kinit -k -t "$1" -c "FILE:$directory_folder/cache" "$2"
}

# directory_stop: as in an outage.
directory_stop() {
	kill "$directory_pid"
	wait "$directory_pid" 2>/dev/null
}

# directory_join NAME FILE [SERVICE...]: the machine account NAME$ with the host's usual names and
# those of more services, and its keytab.
directory_join() {
	local name=$1 file=$2 service

	directory_tool computer create "${name^^}" &&
		directory_tool user setpassword "${name^^}\$" --newpassword="Aa1.$(realm_secret)" &&
		directory_run ldbmodify -H "$directory_folder/samba/private/sam.ldb" \
			>>"$directory_folder/tool.log" 2>&1 <<END || return
dn: CN=${name^^},CN=Computers,DC=example,DC=test
changetype: modify
replace: msDS-SupportedEncryptionTypes
msDS-SupportedEncryptionTypes: 24
END
	directory_tool domain exportkeytab "$file" --principal="${name^^}\$" || return
	for service in host "${@:3}"; do
		directory_tool spn add "$service/$name.example.test" "${name^^}\$" &&
			directory_tool domain exportkeytab "$file" \
				--principal="$service/$name.example.test" || return
	done
	chmod 0600 "$file"
}

# directory_teams COUNT NAME: groups of which the machine NAME is the only member.
directory_teams() {
	local number

	for number in $(seq "$1"); do
		cat <<END
dn: CN=team$number,CN=Users,DC=example,DC=test
objectClass: group
sAMAccountName: team$number
member: CN=${2^^},CN=Computers,DC=example,DC=test

END
	done | directory_run ldbadd -H "$directory_folder/samba/private/sam.ldb" \
		>>"$directory_folder/tool.log" 2>&1
}

# directory_group NAME MEMBER...: a group; prints its security identifier.
directory_group() {
	local name=$1 member

	directory_tool group add "$name" || return
	for member in "${@:2}"; do
		directory_tool group addmembers "$name" "$member" || return
	done
	directory_run ldbsearch -H "$directory_folder/samba/private/sam.ldb" "cn=$name" objectSid |
		sed -n 's/^objectSid: //p'
}
