check_PROGRAMS += tests/unit/test-dataplane-record
TESTS += tests/unit/test-dataplane-record
tests_unit_test_dataplane_record_SOURCES = tests/unit/test-dataplane-record.c
tests_unit_test_dataplane_record_LDADD = libdataplane.a libcrypto-suite.a libbase.a \
	$(OPENSSL_LIBS) $(CMOCKA_LIBS)
