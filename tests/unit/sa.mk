check_PROGRAMS += tests/unit/test-sad
TESTS += tests/unit/test-sad
tests_unit_test_sad_SOURCES = tests/unit/test-sad.c
tests_unit_test_sad_LDADD = libsa.a libcrypto-suite.a libbase.a $(CMOCKA_LIBS)
