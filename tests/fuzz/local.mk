# Each decoder's fuzz target: as a libFuzzer program with --enable-fuzzing (CC=clang), and always as
# a test that replays its corpus and many mutations of it.
fuzz_kink = tests/fuzz/fuzz-kink.c tests/fuzz/isakmp-walk.c tests/fuzz/quick-walk.c \
	tests/fuzz/fuzz.h
fuzz_kink_libs = libkx.a libpolicy.a libcrypto-suite.a libwire.a libbase.a $(LIBCONFIG_LIBS) \
	$(OPENSSL_LIBS)
fuzz_isakmp = tests/fuzz/fuzz-isakmp.c tests/fuzz/isakmp-walk.c tests/fuzz/fuzz.h
fuzz_ikev1 = tests/fuzz/fuzz-ikev1.c tests/fuzz/fuzz.h tests/fuzz/profile.h $(sim_sources)
fuzz_engine = tests/fuzz/fuzz-engine.c tests/fuzz/fuzz.h tests/fuzz/profile.h tests/sim/peer.c tests/sim/peer.h \
	$(sim_sources)

if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz-kink tests/fuzz/fuzz-isakmp tests/fuzz/fuzz-engine \
	tests/fuzz/fuzz-ikev1
tests_fuzz_fuzz_kink_SOURCES = $(fuzz_kink)
tests_fuzz_fuzz_kink_LDADD = $(fuzz_kink_libs)
tests_fuzz_fuzz_kink_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_isakmp_SOURCES = $(fuzz_isakmp)
tests_fuzz_fuzz_isakmp_LDADD = libwire.a libbase.a
tests_fuzz_fuzz_isakmp_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_engine_SOURCES = $(fuzz_engine)
tests_fuzz_fuzz_engine_LDADD = $(sim_libs)
tests_fuzz_fuzz_engine_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_ikev1_SOURCES = $(fuzz_ikev1)
tests_fuzz_fuzz_ikev1_LDADD = $(sim_libs)
tests_fuzz_fuzz_ikev1_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
TESTS += tests/fuzz/short-run.sh
endif

check_PROGRAMS += tests/fuzz/replay-kink tests/fuzz/replay-isakmp tests/fuzz/replay-engine \
	tests/fuzz/replay-ikev1
TESTS += tests/fuzz/replay-kink tests/fuzz/replay-isakmp tests/fuzz/replay-engine \
	tests/fuzz/replay-ikev1
tests_fuzz_replay_kink_SOURCES = tests/fuzz/replay.c $(fuzz_kink)
tests_fuzz_replay_kink_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"kink\"
tests_fuzz_replay_kink_LDADD = $(fuzz_kink_libs)
tests_fuzz_replay_isakmp_SOURCES = tests/fuzz/replay.c $(fuzz_isakmp)
tests_fuzz_replay_isakmp_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"isakmp\"
tests_fuzz_replay_isakmp_LDADD = libwire.a libbase.a
# An input of the engine takes a thousand times as long.
tests_fuzz_replay_engine_SOURCES = tests/fuzz/replay.c $(fuzz_engine)
tests_fuzz_replay_engine_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"engine\" -DMUTATIONS=100 \
	-DCHANGES=1
tests_fuzz_replay_engine_LDADD = $(sim_libs)
tests_fuzz_replay_ikev1_SOURCES = tests/fuzz/replay.c $(fuzz_ikev1)
tests_fuzz_replay_ikev1_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"ikev1\" -DMUTATIONS=100 -DCHANGES=1
tests_fuzz_replay_ikev1_LDADD = $(sim_libs)

# Writes tests/fuzz/corpus anew.
EXTRA_PROGRAMS += tests/fuzz/make-corpus
tests_fuzz_make_corpus_SOURCES = tests/fuzz/make-corpus.c
tests_fuzz_make_corpus_LDADD = libwire.a libbase.a

EXTRA_DIST += tests/fuzz/corpus tests/fuzz/from-capture tests/fuzz/short-run.sh
