# shellcheck shell=bash
# What every interoperation test stands on: that of the system tests, and peers that are not ours.
# shellcheck source=/dev/null
. "$(dirname "${BASH_SOURCE[0]}")/../system/lib.sh"
for part in strongswan libreswan certificates ikev1 life; do
	# shellcheck source=/dev/null
	. "$top_srcdir/tests/interop/$part.sh"
done
