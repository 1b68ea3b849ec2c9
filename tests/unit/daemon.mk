check_PROGRAMS += tests/unit/test-srv
TESTS += tests/unit/test-srv
tests_unit_test_srv_SOURCES = tests/unit/test-srv.c src/daemon/srv.c
tests_unit_test_srv_LDADD = libbase.a $(CMOCKA_LIBS)
