#!/bin/sh
# Known answers for etc/wireshark/kink-crypto.lua, under every Lua that is there: Wireshark's own,
# which is 5.2 up to Wireshark 4.2 and 5.4 since.
top_srcdir=${top_srcdir:-.}
export top_srcdir
found=0

answer() {
	printf '%s: %s\n' "$1" "$2"
	case $2 in
	*' answers are right under '*) found=$((found + 1)) ;;
	*) exit 1 ;;
	esac
}

for lua in lua5.2 lua5.3 lua5.4; do
	if command -v $lua >/dev/null; then
		answer $lua "$($lua "$top_srcdir/tests/wireshark/vectors.lua" 2>&1)"
	fi
done
if "$top_srcdir/tests/wireshark/tshark-lua"; then
	answer tshark "$(tshark -X "lua_script:$top_srcdir/tests/wireshark/vectors.lua" \
		-r "$top_srcdir/tests/wireshark/empty.pcap" 2>/dev/null)"
fi
[ $found -gt 0 ] || exit 77
