AM_TESTS_ENVIRONMENT = top_srcdir='$(top_srcdir)' top_builddir='$(top_builddir)'; \
	export top_srcdir top_builddir;
EXTRA_DIST += tests/layering.sh tests/symbols.sh
TESTS += tests/layering.sh tests/symbols.sh

include tests/unit/base.mk
include tests/unit/wire.mk
include tests/unit/crypto.mk
include tests/unit/kerberos.mk
include tests/unit/policy.mk
include tests/unit/sa.mk
include tests/unit/kx.mk
include tests/unit/dataplane.mk
include tests/unit/daemon.mk
include tests/sim/local.mk
include tests/doc/local.mk
include tests/system/local.mk
include tests/interop/local.mk
include tests/kernel/local.mk
include tests/fuzz/local.mk
include tests/wireshark/local.mk
