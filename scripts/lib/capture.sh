# shellcheck shell=bash
# What really was on the wire between two hosts. Needs $work.

capture_tcpdump=tcpdump
capture_preload=
capture_pids=()
capture_ends=()
# KiB of what waits for tcpdump.
capture_buffer=${KINKD_CAPTURE_BUFFER:-32768}
# Octets of each packet; the fewer, the more packets there is room for.
capture_octets=${KINKD_CAPTURE_OCTETS:-2000}

# tcpdump as root insists on setting its groups, which a user namespace of one user forbids; there
# it runs with that one call answered, and as a copy, which AppArmor's profile does not confine.
capture_prepare() {
	[ "$(cat /proc/self/setgroups 2>/dev/null)" = deny ] || return
	capture_tcpdump=$work/tcpdump
	capture_preload=$work/initgroups.so
	cp "$(command -v tcpdump)" "$capture_tcpdump" &&
		echo 'int initgroups(const char *user, unsigned group) { return 0; }' |
		gcc -w -shared -fPIC -x c -o "$capture_preload" -
}

capture_run() {
	LD_PRELOAD=$capture_preload "$capture_tcpdump" -Z root "$@"
}

# The kernel shows what came out of a tunnel on the device on which it came in. When this is set,
# each end is asked for what it sends alone, and FILE is merged of both (mergecap).
capture_both_ends=

# capture_start HOST DEVICE FILE: FILE must end in .pcap, which is what tcpdump may write to where
# AppArmor confines it. The device is one of host_link.
capture_start() {
	capture_prepare
	capture_pids=()
	if [ -n "$capture_both_ends" ]; then
		capture_end "$1" "$2" "${3%.pcap}.$1.pcap" -Q out
		capture_end "${2#to-}" "to-$1" "${3%.pcap}.${2#to-}.pcap" -Q out
		capture_ends=("${3%.pcap}.$1.pcap" "${3%.pcap}.${2#to-}.pcap")
	else
		capture_end "$1" "$2" "$3"
		capture_ends=("$3")
	fi
}

# capture_end HOST DEVICE FILE [OPTION...]
capture_end() {
	become_host "$1" env LD_PRELOAD="$capture_preload" "$capture_tcpdump" -i "$2" -nn -U \
		--immediate-mode -s "$capture_octets" -B "$capture_buffer" -Z root -w "$3" "${@:4}" 2>"$3.log" &
	capture_pids+=($!)
	wait_for 5 grep -q listening "$3.log" || die capture "tcpdump did not start" "$3.log"
}

# capture_stop FILE: fails when the capture is not whole.
capture_stop() {
	local end

	sleep 0.3 # what tcpdump has not read yet
	kill "${capture_pids[@]}"
	wait "${capture_pids[@]}" 2>/dev/null
	for end in "${capture_ends[@]}"; do
		grep -q '^0 packets dropped by kernel' "$end.log" || die capture "it is not whole" "$end.log"
	done
	[ "$(capture_count "$1" '')" != 0 ] || die capture "it is empty" "${capture_ends[0]}.log"
	capture_ends=()
}

# capture_merge FILE: makes it of its ends; while they go on, the last packet may not be whole.
capture_merge() {
	[ ${#capture_ends[@]} -lt 2 ] || mergecap -F pcap -w "$1" "${capture_ends[@]}" 2>/dev/null
}

# capture_read FILE FILTER: the matching packets, one line each.
capture_read() {
	capture_merge "$1"
	capture_run -nn -t -r "$1" "$2" 2>/dev/null
}

capture_count() {
	capture_read "$@" | wc -l
}

# capture_kink_count FILE TYPE: KINK messages of that type (RFC 4430 section 4), over IPv4 or IPv6. One
# that was sent again is counted once.
capture_kink_count() {
	capture_merge "$1"
	capture_run -nn -t -x -r "$1" \
		"udp port 910 and (udp[8] = $2 or (ip6[6] = 17 and ip6[48] = $2))" 2>/dev/null | awk '
	function note_transaction() {
		if (octets != "")
			seen[from " " substr(octets, (octets ~ /^4/ ? 56 : 96) + 17, 8)]
		octets = ""
	}
	/^[^\t]/ {
		note_transaction()
		from = $2
	}
	/^\t/ {
		for (i = 2; i <= NF; i++)
			octets = octets $i
	}
	END {
		note_transaction()
		print length(seen)
	}'
}

# Whatever is neither ESP, KINK, a kernel's word that nobody listens for KINK (while a daemon is
# down), nor neighbour discovery went in the clear.
capture_clear='not arp and not ip proto 50 and not ip6 proto 50 and not udp port 910
	and not (icmp[0] = 3 and icmp[17] = 17 and icmp[30:2] = 910)
	and not (ip6[6] = 58 and ip6[40] = 1 and ip6[54] = 17 and ip6[90:2] = 910)
	and not (ip6 and (dst net ff00::/8 or (ip6[6] = 58 and ip6[40] >= 130 and ip6[40] <= 137)))'

# capture_clear_count FILE
capture_clear_count() {
	capture_count "$1" "$capture_clear"
}

# capture_show FILE COUNT: the first COUNT packets of KINK and ESP.
capture_show() {
	capture_run -nn -ttttt -x -r "$1" '(ip proto 50 or ip6 proto 50 or udp port 910)' -c "$2" \
		2>/dev/null | awk '
	function number(hex,    value, i) {
		for (i = 1; i <= length(hex); i++)
			value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
		return value
	}
	function print_packet(    esp, at, protocol) {
		if (octets == "")
			return
		if (substr(octets, 1, 1) == "4") {
			at = number(substr(octets, 2, 1)) * 8 + 1
			protocol = number(substr(octets, 19, 2))
		} else {
			at = 81
			protocol = number(substr(octets, 13, 2))
		}
		if (protocol == 50)
			printf "%-9s %s > %s  ESP   spi 0x%s, sequence %d, %d octets\n", when, from, to,
				substr(octets, at, 8), number(substr(octets, at + 8, 8)),
				length(octets) / 2
		else
			printf "%-9s %s > %s  KINK  %s, transaction 0x%s, %d octets\n", when, from, to,
				type[number(substr(octets, at + 16, 2))], substr(octets, at + 32, 8),
				length(octets) / 2
		octets = ""
	}
	function address(text) {
		sub(/:$/, "", text)
		sub(/\.910$/, "", text)
		return text
	}
	BEGIN {
		split("CREATE DELETE REPLY GETTGT ACK STATUS", type, " ")
	}
	/^[^\t]/ {
		print_packet()
		when = substr($1, 7)
		from = address($3)
		to = address($5)
	}
	/^\t/ {
		for (i = 2; i <= NF; i++)
			octets = octets $i
	}
	END {
		print_packet()
	}'
}
