# shellcheck shell=bash
# A kernel of its own to test with: Debian's User Mode Linux, which has all of IPsec where the
# machine's own kernel may not, on the machine's own root file system and with this user's rights.
# Needs no root.

kernel_library=${BASH_SOURCE[0]}
# Where an ordinary user's shell does not look for modprobe and ip.
PATH=$PATH:/usr/sbin:/sbin
kernel_memory=512M
# When it is ended, should it hang.
kernel_seconds=14400
# More for its command line, such as a network device.
kernel_options=()

# In the order in which they need one another: HMAC and the hashes go before what draws random
# numbers, and that before GCM.
kernel_modules=(hmac sha256_generic sha512_generic sha1_generic md5 drbg aes_generic des_generic ecb
	cbc ctr ghash-generic gcm seqiv echainiv authenc authencesn chacha20poly1305 deflate xfrm_user tunnel4
	tunnel6 xfrm4_tunnel xfrm6_tunnel esp4 esp6 ah4 ah6 ipcomp ipcomp6 af_key veth tun sch_netem
	iptable_nat xt_MASQUERADE xt_tcpudp)

# kernel_possible: else why not is in kernel_problem.
kernel_possible() {
	local tool

	for tool in linux.uml modprobe setpriv python3; do
		command -v "$tool" >/dev/null || {
			kernel_problem="there is no $tool"
			return 1
		}
	done
	[ -n "$(kernel_module_folder)" ] || {
		kernel_problem="User Mode Linux has no modules in /usr/lib/uml/modules"
		return 1
	}
}

kernel_module_folder() {
	find /usr/lib/uml/modules -mindepth 1 -maxdepth 1 2>/dev/null | head -n 1
}

# kernel_boot FOLDER COMMAND...: runs the command under the kernel, as its root, and returns its
# status when the kernel has ended. Its output is this one's; what the kernel says is in
# FOLDER/console.
kernel_boot() {
	local folder

	folder=$(readlink -f "$1")
	shift
	rm -f "$folder/status"
	mkdir -p "$folder/tmp"
	printf '#!/bin/bash\nexport PATH=%q\n. %q\nkernel_init%s\n' "$PATH" \
		"$(readlink -f "$kernel_library")" "$(printf ' %q' "$folder" "$@")" >"$folder/init"
	chmod +x "$folder/init"
	# 256 pairs of terminals that nobody wants would take longer than all the rest.
	setpriv --pdeathsig TERM timeout --kill-after=10 "$kernel_seconds" linux.uml "mem=$kernel_memory" root=/dev/root rootfstype=hostfs \
		rootflags=/ rw "init=$folder/init" "uml_dir=$folder" quiet \
		pty.legacy_count=0 zswap.enabled=0 con=null con0=null,fd:2 con1=null,fd:1 \
		"${kernel_options[@]}" </dev/null 2>"$folder/console"
	return "$(cat "$folder/status" 2>/dev/null || echo 125)"
}

# --- under that kernel ---------------------------------------------------------------------------

# kernel_init FOLDER COMMAND...: its first process.
kernel_init() {
	local folder=$1 status

	shift
	# Where a user namespace hides who root is, mount(8) would be set to the user that it sees instead.
	busybox mount -t proc proc /proc
	busybox mount -t sysfs sysfs /sys
	busybox mount -t tmpfs tmpfs /run
	busybox mount -t tmpfs tmpfs "$folder/tmp"
	ln -s /proc/self/fd /dev/fd
	# Else each new device, and each algorithm that the kernel does not know, starts a program.
	: >/sys/kernel/uevent_helper
	mkdir -p /run/modules/lib/modules
	ln -s "$(kernel_module_folder)" "/run/modules/lib/modules/$(uname -r)"
	modprobe -d /run/modules -a "${kernel_modules[@]}"
	echo >/proc/sys/kernel/modprobe
	ip link set lo up
	# What scripts/lib needs to know: all is slow here, the more so a large buffer of tcpdump, which
	# has to hold many packets though, and the packet filter of the userspace data plane is not in
	# this kernel.
	export KINKD_PATIENCE=8 KINKD_CAPTURE_BUFFER=8192 KINKD_CAPTURE_OCTETS=256 KINKD_DATAPLANE=kernel
	export TMPDIR=$folder/tmp HOME=$folder/tmp TERM=dumb
	"$@" 2>&1 </dev/null | cat >/dev/tty1
	status=${PIPESTATUS[0]}
	echo "$status" >"$folder/status"
	sync
	echo o >/proc/sysrq-trigger
	sleep 60
}

# kernel_serve ADDRESS: carries out what comes by TCP to its port 7000, for kernel_ask.
kernel_serve() {
	python3 -c '
import socket, subprocess, sys, threading
server = socket.create_server((sys.argv[1], 7000))
def serve(client):
    text = b""
    while got := client.recv(65536):
        text += got
    done = subprocess.run(["bash", "-c", text.decode()], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    client.sendall(done.stdout + b"\n%d" % done.returncode)
    client.close()
while True:
    threading.Thread(target=serve, args=(server.accept()[0],)).start()' "$1"
}

# --- from outside --------------------------------------------------------------------------------

# kernel_ask ADDRESS COMMAND: a shell's command, carried out there.
kernel_ask() {
	python3 -c '
import socket, sys
s = socket.create_connection((sys.argv[1], 7000), 60)
s.settimeout(600)
s.sendall(sys.argv[2].encode())
s.shutdown(socket.SHUT_WR)
text = b""
while got := s.recv(65536):
    text += got
text, _, code = text.rpartition(b"\n")
sys.stdout.buffer.write(text)
sys.exit(int(code or 1))' "$1" "${*:2}"
}
