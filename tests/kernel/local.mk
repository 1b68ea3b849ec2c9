# Under a kernel of their own, by scripts/check-kernel.
EXTRA_DIST += tests/kernel/held \
	tests/kernel/kill \
	tests/kernel/lossy \
	tests/kernel/many \
	tests/kernel/protection \
	tests/kernel/rekey-stream \
	tests/kernel/userspace-peer
