check_PROGRAMS += tests/sim/test-sim tests/sim/test-sim-libkrb5 tests/sim/test-steps \
	tests/sim/test-responder tests/sim/test-initiator tests/sim/test-racoon2 \
	tests/sim/test-isakmp-life
TESTS += tests/sim/test-sim tests/sim/test-steps tests/sim/test-responder tests/sim/test-initiator \
	tests/sim/test-racoon2 tests/sim/test-isakmp-life tests/sim/libkrb5.sh
EXTRA_DIST += tests/sim/libkrb5.sh

sim_sources = \
	tests/sim/check.c \
	tests/sim/commit.c \
	tests/sim/credentials.c \
	tests/sim/host.c \
	tests/sim/kerberos.c \
	tests/sim/methods.c \
	tests/sim/network.c \
	tests/sim/plane.c \
	tests/sim/profile.c \
	tests/sim/queue.c tests/sim/queue.h \
	tests/sim/random.c tests/sim/random.h \
	tests/sim/realm.h \
	tests/sim/run.c \
	tests/sim/sim.c tests/sim/sim.h \
	tests/sim/standin.c tests/sim/standin-private.h \
	tests/sim/standin-accept.c \
	tests/sim/standin-gss.c \
	tests/sim/standin-messages.c \
	tests/sim/standin-octets.c tests/sim/standin-octets.h \
	tests/sim/workload.c
sim_libs = libkx.a libsa.a libdataplane.a libpolicy.a libkerberos.a libcrypto-suite.a libwire.a libbase.a \
	$(LIBCONFIG_LIBS) $(OPENSSL_LIBS)

tests_sim_test_sim_SOURCES = tests/sim/test-sim.c $(sim_sources)
tests_sim_test_sim_LDADD = $(sim_libs)

tests_sim_test_steps_SOURCES = tests/sim/test-steps.c $(sim_sources)
tests_sim_test_steps_LDADD = $(sim_libs)

tests_sim_test_isakmp_life_SOURCES = tests/sim/test-isakmp-life.c $(sim_sources)
tests_sim_test_isakmp_life_LDADD = $(sim_libs) $(CMOCKA_LIBS)

scripted_sources = tests/sim/peer.c tests/sim/peer.h tests/sim/scripted.c tests/sim/scripted.h
tests_sim_test_responder_SOURCES = tests/sim/test-responder.c $(scripted_sources) $(sim_sources)
tests_sim_test_responder_LDADD = $(sim_libs) $(CMOCKA_LIBS)
tests_sim_test_racoon2_SOURCES = tests/sim/test-racoon2.c $(scripted_sources) $(sim_sources)
tests_sim_test_racoon2_LDADD = $(sim_libs) $(CMOCKA_LIBS)
tests_sim_test_initiator_SOURCES = tests/sim/test-initiator.c $(scripted_sources) $(sim_sources)
tests_sim_test_initiator_LDADD = $(sim_libs) $(CMOCKA_LIBS)

tests_sim_test_sim_libkrb5_SOURCES = tests/sim/test-sim-libkrb5.c $(sim_sources) \
	tests/sim/conformance.c tests/sim/conformance.h \
	tests/sim/libkrb5.c
tests_sim_test_sim_libkrb5_LDADD = libkx.a libsa.a libdataplane.a libpolicy.a libkerberos.a \
	libcrypto-suite.a libwire.a libbase.a $(LIBCONFIG_LIBS) $(KRB5_LIBS) $(OPENSSL_LIBS)
