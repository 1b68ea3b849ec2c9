# Tests with peers that are not ours need namespaces, as those in tests/system do.
EXTRA_DIST += tests/interop/lib.sh \
	tests/interop/certificates.sh \
	tests/interop/libreswan.sh \
	tests/interop/make-ikev1-vectors \
	tests/interop/strongswan.sh
