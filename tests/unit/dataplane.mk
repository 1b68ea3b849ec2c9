dataplane_test_libs = libdataplane.a libcrypto-suite.a libbase.a $(DATAPLANE_LIBS) $(OPENSSL_LIBS)

check_PROGRAMS += tests/unit/test-dataplane-record
TESTS += tests/unit/test-dataplane-record
tests_unit_test_dataplane_record_SOURCES = tests/unit/test-dataplane-record.c
tests_unit_test_dataplane_record_LDADD = $(dataplane_test_libs) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-dataplane-esp
TESTS += tests/unit/test-dataplane-esp
tests_unit_test_dataplane_esp_SOURCES = tests/unit/test-dataplane-esp.c
tests_unit_test_dataplane_esp_LDADD = $(dataplane_test_libs) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-dataplane-packets
TESTS += tests/unit/test-dataplane-packets
tests_unit_test_dataplane_packets_SOURCES = tests/unit/test-dataplane-packets.c
tests_unit_test_dataplane_packets_LDADD = $(dataplane_test_libs) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-dataplane-tables
TESTS += tests/unit/test-dataplane-tables
tests_unit_test_dataplane_tables_SOURCES = tests/unit/test-dataplane-tables.c
tests_unit_test_dataplane_tables_LDADD = $(dataplane_test_libs) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-dataplane-bundle
TESTS += tests/unit/test-dataplane-bundle
tests_unit_test_dataplane_bundle_SOURCES = tests/unit/test-dataplane-bundle.c
tests_unit_test_dataplane_bundle_LDADD = $(dataplane_test_libs) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-dataplane-transforms
TESTS += tests/unit/test-dataplane-transforms
tests_unit_test_dataplane_transforms_SOURCES = tests/unit/test-dataplane-transforms.c
tests_unit_test_dataplane_transforms_LDADD = $(dataplane_test_libs) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/test-dataplane-xfrm
TESTS += tests/unit/test-dataplane-xfrm
tests_unit_test_dataplane_xfrm_SOURCES = tests/unit/test-dataplane-xfrm.c
tests_unit_test_dataplane_xfrm_LDADD = $(dataplane_test_libs) $(CMOCKA_LIBS)

# Between two namespaces
check_PROGRAMS += tests/dataplane/dataplane-driver tests/dataplane/stream
tests_dataplane_dataplane_driver_SOURCES = tests/dataplane/dataplane-driver.c
tests_dataplane_dataplane_driver_LDADD = $(dataplane_test_libs)
tests_dataplane_stream_SOURCES = tests/dataplane/stream.c
tests_dataplane_stream_LDADD = libbase.a
EXTRA_DIST += tests/dataplane/test-userspace.sh tests/dataplane/test-kernel-peer \
	tests/dataplane/test-xfrm.sh tests/dataplane/hosts.sh
TESTS += tests/dataplane/test-userspace.sh tests/dataplane/test-xfrm.sh
