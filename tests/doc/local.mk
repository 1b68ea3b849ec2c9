TESTS += tests/doc/rfc4430.sh
EXTRA_DIST += tests/doc/rfc4430.sh
