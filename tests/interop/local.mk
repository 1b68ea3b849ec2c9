# Tests with peers that are not ours need namespaces, as those in tests/system do.
EXTRA_DIST += tests/interop/lib.sh \
	tests/interop/certificates.sh \
	tests/interop/ikev1.sh \
	tests/interop/ikev1-certificates \
	tests/interop/ikev1-ike-scan \
	tests/interop/ikev1-fallback \
	tests/interop/ikev1-life \
	tests/interop/ikev1-refused \
	tests/interop/ikev1-strongswan \
	tests/interop/kernel-libreswan \
	tests/interop/kernel-strongswan \
	tests/interop/libreswan.sh \
	tests/interop/make-ikev1-vectors \
	tests/interop/strongswan.sh
