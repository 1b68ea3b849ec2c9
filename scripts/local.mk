EXTRA_DIST += scripts/setup scripts/demo scripts/check scripts/check-kernel .ci/run \
	scripts/lib/capture.sh \
	scripts/lib/cppcheck-suppressions \
	scripts/lib/cppcheck.xml \
	scripts/lib/daemon.sh \
	scripts/lib/directory.sh \
	scripts/lib/kernel.sh \
	scripts/lib/network.sh \
	scripts/lib/realm.sh \
	scripts/lib/report.sh \
	scripts/lib/sandbox.sh \
	scripts/lib/terminal.sh
