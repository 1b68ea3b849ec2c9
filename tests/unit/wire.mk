check_PROGRAMS += \
	tests/unit/test-wire-grammar \
	tests/unit/test-wire-ikev1 \
	tests/unit/test-wire-ikev1-grammar \
	tests/unit/test-wire-isakmp \
	tests/unit/test-wire-kink \
	tests/unit/test-wire-names \
	tests/unit/test-wire-sa
TESTS += \
	tests/unit/test-wire-grammar \
	tests/unit/test-wire-ikev1 \
	tests/unit/test-wire-ikev1-grammar \
	tests/unit/test-wire-isakmp \
	tests/unit/test-wire-kink \
	tests/unit/test-wire-names \
	tests/unit/test-wire-sa
tests_unit_test_wire_grammar_SOURCES = tests/unit/test-wire-grammar.c tests/unit/wire.h
tests_unit_test_wire_grammar_LDADD = libwire.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_wire_ikev1_SOURCES = tests/unit/test-wire-ikev1.c tests/unit/wire.h
tests_unit_test_wire_ikev1_LDADD = libwire.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_wire_ikev1_grammar_SOURCES = tests/unit/test-wire-ikev1-grammar.c tests/unit/wire.h
tests_unit_test_wire_ikev1_grammar_LDADD = libwire.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_wire_isakmp_SOURCES = tests/unit/test-wire-isakmp.c tests/unit/wire.h
tests_unit_test_wire_isakmp_LDADD = libwire.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_wire_kink_SOURCES = tests/unit/test-wire-kink.c tests/unit/wire.h
tests_unit_test_wire_kink_LDADD = libwire.a libbase.a $(CMOCKA_LIBS)
tests_unit_test_wire_names_SOURCES = tests/unit/test-wire-names.c
tests_unit_test_wire_names_LDADD = libwire.a $(CMOCKA_LIBS)
tests_unit_test_wire_sa_SOURCES = tests/unit/test-wire-sa.c tests/unit/wire.h
tests_unit_test_wire_sa_LDADD = libwire.a libbase.a $(CMOCKA_LIBS)
