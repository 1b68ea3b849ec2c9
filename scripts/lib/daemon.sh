# shellcheck shell=bash
# kinkd on a host: its file, its log, its control socket.

declare -A daemon_pid
daemon_dataplane=${KINKD_DATAPLANE:-userspace}

# daemon_config HOST [SETTINGS] <<FILE: the host's configuration file; a daemon group with SETTINGS,
# the data plane and the control socket is added.
daemon_config() {
	{
		cat
		printf '\ndaemon: {\n\t%s\n\tdataplane = "%s";\n' "${2:-}" "$daemon_dataplane"
		printf '\tcontrol: { socket = "%s/kinkd.ctl"; };\n};\n' "$work/$1"
	} >"$work/$1/kinkd.conf"
}

# daemon_start HOST [COMMAND-BEFORE-KINKD...]: returns when kinkctl gets an answer.
daemon_start() {
	daemon_launch "$@"
	wait_for 10 daemon_settled "$1" && daemon_answers "$1" >/dev/null 2>&1
}

daemon_launch() {
	local name=$1

	shift
	become_host "$name" "$@" kinkd -c "$work/$name/kinkd.conf" \
		>>"$work/$name/kinkd.log" 2>&1 </dev/null &
	daemon_pid[$name]=$!
}

daemon_settled() {
	daemon_answers "$1" || ! daemon_runs "$1"
}

daemon_answers() {
	kinkctl_on "$1" status
}

daemon_runs() {
	kill -0 "${daemon_pid[$1]}" 2>/dev/null
}

# daemon_stop HOST [SIGNAL]: returns the daemon's exit status.
daemon_stop() {
	kill "-${2:-TERM}" "${daemon_pid[$1]}" 2>/dev/null
	wait "${daemon_pid[$1]}" 2>/dev/null
}

# kinkctl_on HOST ARGUMENT...
kinkctl_on() {
	local name=$1

	shift
	in_host "$name" kinkctl --socket "$work/$name/kinkd.ctl" "$@"
}
