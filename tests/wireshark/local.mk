# The Wireshark dissector, as far as it can be tested without daemons; see tests/system/wireshark.
TESTS += tests/wireshark/crypto.sh tests/wireshark/dissect.sh
EXTRA_DIST += tests/wireshark/crypto.sh tests/wireshark/dissect.sh tests/wireshark/tshark-lua \
	tests/wireshark/vectors.lua tests/wireshark/empty.pcap
