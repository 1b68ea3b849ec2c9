check_PROGRAMS += tests/unit/test-dataplane-record
TESTS += tests/unit/test-dataplane-record
tests_unit_test_dataplane_record_SOURCES = tests/unit/test-dataplane-record.c
tests_unit_test_dataplane_record_LDADD = libdataplane.a libcrypto-suite.a libbase.a \
	$(DATAPLANE_LIBS) $(OPENSSL_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/dataplane/dataplane-driver tests/dataplane/stream
tests_dataplane_dataplane_driver_SOURCES = tests/dataplane/dataplane-driver.c
tests_dataplane_dataplane_driver_LDADD = libdataplane.a libcrypto-suite.a libbase.a \
	$(DATAPLANE_LIBS) $(OPENSSL_LIBS)
tests_dataplane_stream_SOURCES = tests/dataplane/stream.c
tests_dataplane_stream_LDADD = libbase.a
EXTRA_DIST += tests/dataplane/test-userspace.sh
TESTS += tests/dataplane/test-userspace.sh
