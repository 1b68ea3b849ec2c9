# System tests need namespaces, so scripts/check runs them, not make check.
EXTRA_DIST += tests/system/lib.sh \
	tests/system/active-directory \
	tests/system/at-exit \
	tests/system/authorisation \
	tests/system/bad-datagrams \
	tests/system/bundles \
	tests/system/changed-keys \
	tests/system/clock-skew \
	tests/system/config-check \
	tests/system/control \
	tests/system/credential-cache \
	tests/system/crash \
	tests/system/cross-realm \
	tests/system/dead-peer \
	tests/system/fallback \
	tests/system/handshake \
	tests/system/ikev1-kerberos \
	tests/system/kerberos-trouble \
	tests/system/multihomed \
	tests/system/names \
	tests/system/nat \
	tests/system/principals \
	tests/system/rekey \
	tests/system/request \
	tests/system/reverse-path \
	tests/system/several \
	tests/system/shutdown \
	tests/system/start-trouble \
	tests/system/transport-ipv4 \
	tests/system/transport-ipv6 \
	tests/system/tunnel \
	tests/system/user-to-user \
	tests/system/wireshark
