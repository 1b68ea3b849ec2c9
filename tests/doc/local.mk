TESTS += tests/doc/rules.sh
EXTRA_DIST += tests/doc/rules.sh
