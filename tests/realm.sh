#!/usr/bin/env bash
# A throwaway Kerberos realm as commands, for tests and benchmarks that are not shell scripts.
#
#   realm.sh create FOLDER [REALM...]          database and configuration, on a free port; other
#                                              realms trust the one before them
#   realm.sh start FOLDER                      the KDC; it ends with the process that calls this
#   realm.sh stop FOLDER
#   realm.sh keytab FOLDER FILE PRINCIPAL...   adds keys to FILE, and principals to the realm
#   realm.sh kadmin FOLDER COMMAND [WORD...]    anything else; its output goes to FOLDER/kdc.log
#
# Programs reach it with KRB5_CONFIG=FOLDER/krb5.conf.
set -u
PATH=$PATH:/usr/sbin:/sbin
command=${1:-} folder=${2:-}
[ $# -ge 2 ] || { sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2; }
shift 2
# shellcheck source=scripts/lib/realm.sh
. "$(dirname "${BASH_SOURCE[0]}")/../scripts/lib/realm.sh"

free_port() {
	local port

	for _ in 1 2 3 4 5 6 7 8 9; do
		port=$((20000 + RANDOM % 12000))
		(exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null || { echo "$port" && return; }
	done
	return 1
}

reach() {
	realm_folder=$folder
	export KRB5_CONFIG=$folder/krb5.conf KRB5_KDC_PROFILE=$folder/kdc.conf KRB5CCNAME=MEMORY:
}

# The KDC goes when the caller or the KDC itself does.
watch_caller() {
	local caller=$1 kdc=$2

	while kill -0 "$caller" && kill -0 "$kdc"; do
		sleep 0.2
	done
	kill "$kdc"
}

case $command in
create)
	for program in krb5kdc kdb5_util kadmin.local; do
		command -v "$program" >/dev/null || { echo "$program is missing (Debian: krb5-kdc, krb5-admin-server)" && exit 77; }
	done
	realm_port=$(free_port) && realm_create "$folder" 127.0.0.1 "$@"
	;;
start)
	reach
	realm_start env || exit 1
	echo "$realm_pid" >"$folder/kdc.pid"
	watch_caller "$PPID" "$realm_pid" >/dev/null 2>&1 </dev/null &
	;;
stop)
	reach
	realm_pid=$(cat "$folder/kdc.pid") && realm_stop
	while kill -0 "$realm_pid" 2>/dev/null; do sleep 0.01; done
	;;
keytab)
	reach
	realm_keytab "$@"
	;;
kadmin)
	reach
	kadmin.local -r EXAMPLE.TEST "$@" >>"$folder/kdc.log" 2>&1
	;;
*)
	exit 2
	;;
esac
