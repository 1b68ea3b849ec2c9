#!/usr/bin/env bash
# Runs the simulation over libkrb5 in a throwaway realm.
set -u
source=${top_srcdir:-.} build=${top_builddir:-.}
folder=$(mktemp -d) || exit 1
realm="$source/tests/realm.sh"

finish() {
	[ ! -e "$folder/kdc.pid" ] || "$realm" stop "$folder"
	rm -rf "$folder"
}
trap finish EXIT

"$realm" create "$folder" || exit $?
"$realm" start "$folder" || exit 1
for name in a b c d mallory; do
	upper=$(echo "$name" | tr '[:lower:]' '[:upper:]')
	"$realm" keytab "$folder" "$folder/$name.keytab" \
		"kink/$name.example.test@EXAMPLE.TEST" "$upper\$@EXAMPLE.TEST" || exit 1
done
export SIM_REALM=$folder KRB5_CONFIG=$folder/krb5.conf
"$build/tests/sim/test-sim-libkrb5"
