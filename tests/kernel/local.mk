# Under a kernel of their own, by scripts/check-kernel.
EXTRA_DIST += tests/kernel/demo \
	tests/kernel/esn \
	tests/kernel/flush \
	tests/kernel/held \
	tests/kernel/kill \
	tests/kernel/lossy \
	tests/kernel/many \
	tests/kernel/protection \
	tests/kernel/rekey-stream \
	tests/kernel/restart \
	tests/kernel/test-xfrm \
	tests/kernel/userspace-peer
