# shellcheck shell=bash
# A throwaway world for hosts: its own network, mounts and processes, as root or as an ordinary user
# in a user namespace. It ends with the process that opened it, whatever way that ends.

# The flags of unshare(1) that work here, in sandbox_flags; fails with a reason in sandbox_problem.
sandbox_possible() {
	sandbox_flags=(--mount --net --uts --pid --fork --kill-child --mount-proc)
	if [ "$(id -u)" != 0 ]; then
		sandbox_flags=(--user --map-root-user "${sandbox_flags[@]}")
	fi
	if ! unshare "${sandbox_flags[@]}" true 2>/dev/null; then
		sandbox_problem="this user may not make namespaces here"
	elif [ ! -e /dev/net/tun ] && ! modprobe tun 2>/dev/null; then
		sandbox_problem="/dev/net/tun is missing: the kernel module tun is not there"
	elif [ ! -r /dev/net/tun ] || [ ! -w /dev/net/tun ]; then
		sandbox_problem="this user may not open /dev/net/tun"
	else
		return 0
	fi
	return 1
}

# sandbox_open FOLDER: opens one whose files lie in FOLDER. Commands go there by sandbox_run.
sandbox_open() {
	sandbox_folder=$1
	cp /etc/hosts "$sandbox_folder/hosts" 2>/dev/null || : >"$sandbox_folder/hosts"
	# Its first process waits on a pipe that only this shell holds open: when the shell is gone,
	# so is everything in the sandbox.
	# shellcheck disable=SC2016 # expanded by the inner shell
	exec {sandbox_pipe}> >(exec setsid unshare "${sandbox_flags[@]}" sh -c '
		mount --make-rprivate / &&
		mount -t tmpfs -o mode=755 tmpfs /run &&
		{ [ ! -d /dev/shm ] || mount -t tmpfs tmpfs /dev/shm; } &&
		resolv=$(readlink -m /etc/resolv.conf) &&
		mkdir -p "${resolv%/*}" && { [ -e "$resolv" ] || : >"$resolv"; } &&
		mount --bind /dev/null "$resolv" &&
		mount --bind "$1/hosts" /etc/hosts &&
		ip link set lo up && : >"$1/open" || exit 1
		read -r word
		[ "$word" != keep ] || { mkfifo "$1/end" && read -r word <"$1/end"; }
	' sh "$sandbox_folder" >"$sandbox_folder/sandbox.log" 2>&1)
	sandbox_pid=$!
	echo "$sandbox_pid" >"$sandbox_folder/sandbox.pid"
	until [ -e "$sandbox_folder/open" ]; do
		sandbox_lives || return 1
		sleep 0.02
	done
}

# Becomes a command in the sandbox of sandbox_pid.
sandbox_enter() {
	local enter=(--mount="/proc/$sandbox_pid/ns/mnt" --net="/proc/$sandbox_pid/ns/net"
		--uts="/proc/$sandbox_pid/ns/uts" --pid="/proc/$sandbox_pid/ns/pid_for_children")

	[ "$(id -u)" = 0 ] ||
		enter=(--user="/proc/$sandbox_pid/ns/user" --preserve-credentials "${enter[@]}")
	[ -z "${sandbox_pipe:-}" ] || exec {sandbox_pipe}>&-
	exec nsenter "${enter[@]}" "$@"
}

# sandbox_run COMMAND...: in the sandbox.
sandbox_run() {
	(sandbox_enter "$@")
}

# sandbox_await COMMAND...: the same, but a signal to this shell is heard at once.
sandbox_await() {
	sandbox_enter "$@" &
	wait $!
}

# The sandbox outlives this shell, until sandbox_end.
sandbox_keep() {
	echo keep >&"$sandbox_pipe"
}

# sandbox_end FOLDER: ends one that was kept, or this shell's own. All its processes are gone then.
sandbox_end() {
	if [ -n "${sandbox_pipe:-}" ]; then
		exec {sandbox_pipe}>&-
	else
		echo end >"$1/end"
	fi
	while sandbox_lives; do
		sleep 0.02
	done
}

# Also false for a process that is dead and that nobody waits for.
sandbox_lives() {
	grep -qs "^State:[[:space:]]*[^ZX]" "/proc/$sandbox_pid/status"
}
