#!/bin/bash
# etc/wireshark/kink.lua on the messages of the fuzz corpus, whole and cut short at every octet and
# with every octet of the header spoiled: the right words, and never an error of Lua's.
top_srcdir=${top_srcdir:-.}
here=$top_srcdir/tests/wireshark
corpus=$top_srcdir/tests/fuzz/corpus/kink
"$here/tshark-lua" || exit 77
command -v text2pcap >/dev/null || exit 77
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
failed=0

dissect() {
	tshark -X "lua_script:$top_srcdir/etc/wireshark/kink.lua" -r "$@" 2>&1
}

# messages FILE...: as text2pcap reads them.
messages() {
	for message in "$@"; do
		od -An -v -tx1 "$message" | awk '{ printf "%06x%s\n", 16 * (NR - 1), $0 }'
	done
}

# spoiled FILE...: the same messages, spoiled.
spoiled() {
	for message in "$@"; do
		od -An -v -tx1 "$message" | tr -d '\n' | awk '
		function put(count,    i) {
			for (i = 1; i <= count; i++) {
				if (i % 16 == 1)
					printf "%s%06x", (i > 1 ? "\n" : ""), i - 1
				printf " %s", $i
			}
			print ""
		}
		{
			for (size = 1; size < NF; size++)
				put(size)
			for (at = 1; at <= 24 && at <= NF; at++) {
				kept = $at
				split("00 01 02 07 08 40 80 ff", values, " ")
				for (v in values) {
					$at = values[v]
					put(NF)
				}
				$at = kept
			}
		}'
	done
}

messages "$corpus"/{create,create-sealed,reply-error,gettgt,reply-tgt,ack} |
	text2pcap -q -u 910,910 - "$work/whole.pcap" >/dev/null 2>&1
found=$(dissect "$work/whole.pcap" -T fields -e _ws.col.Info | grep xid=)
expected='CREATE xid=0x00000063 AP-REQ ISAKMP
CREATE xid=0x00000063 AP-REQ ENCRYPT
REPLY xid=0x00000063 ERROR KINK_INVMAJ
GETTGT xid=0x00000063 TGT-REQ
REPLY xid=0x00000063 TGT-REP
ACK xid=0x00000063 AP-REQ'
if [ "$found" != "$expected" ]; then
	printf 'expected\n%s\nfound\n%s\n' "$expected" "$found"
	failed=1
fi

found=$(dissect "$work/whole.pcap" -T fields -E separator=, -e rfc4430.next_payload -e rfc4430.error \
	-e isakmp.prop.number -Y 'rfc4430.type == 3 or isakmp' | tr '\n' ';')
case $found in
*'1,,1,1;8,3,;5,,;') ;;
*)
	echo "found fields $found"
	failed=1
	;;
esac

spoiled "$corpus"/{create,delete-sealed,reply-error,reply-krb-error,gettgt,reply-tgt} |
	text2pcap -q -u 910,910 - "$work/spoiled.pcap" >/dev/null 2>&1
for keys in '' "17:$(printf '0%.0s' {1..32})"; do
	dissect "$work/spoiled.pcap" -o "rfc4430.keys:$keys" -V >"$work/spoiled.txt"
	count=$(grep -c '^Kerberized Internet Negotiation of Keys' "$work/spoiled.txt")
	if [ "$count" -lt 1000 ]; then
		echo "only $count spoiled messages were dissected"
		failed=1
	fi
	if grep -i 'lua error' "$work/spoiled.txt"; then
		failed=1
	fi
	if ! grep -q 'shorter than KINK.s header' "$work/spoiled.txt"; then
		echo "a short message is not called short"
		failed=1
	fi
done
[ $failed = 0 ] && echo "$count spoiled messages"
exit $failed
