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
	tests/interop/kernel-libreswan-certificates \
	tests/interop/kernel-libreswan-life \
	tests/interop/kernel-libreswan-nat \
	tests/interop/kernel-libreswan-renewal \
	tests/interop/kernel-strongswan \
	tests/interop/kernel-strongswan-certificates \
	tests/interop/kernel-strongswan-life \
	tests/interop/kernel-strongswan-nat \
	tests/interop/kernel-strongswan-renewal \
	tests/interop/libreswan.sh \
	tests/interop/life.sh \
	tests/interop/make-ikev1-vectors \
	tests/interop/strongswan.sh
