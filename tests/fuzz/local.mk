# Each decoder's fuzz target: as a libFuzzer program with --enable-fuzzing (CC=clang), and always as
# a test that replays its corpus and many mutations of it.
fuzz_kink = tests/fuzz/fuzz-kink.c tests/fuzz/isakmp-walk.c tests/fuzz/fuzz.h
fuzz_isakmp = tests/fuzz/fuzz-isakmp.c tests/fuzz/isakmp-walk.c tests/fuzz/fuzz.h

if FUZZING
noinst_PROGRAMS += tests/fuzz/fuzz-kink tests/fuzz/fuzz-isakmp
tests_fuzz_fuzz_kink_SOURCES = $(fuzz_kink)
tests_fuzz_fuzz_kink_LDADD = libwire.a libbase.a
tests_fuzz_fuzz_kink_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_isakmp_SOURCES = $(fuzz_isakmp)
tests_fuzz_fuzz_isakmp_LDADD = libwire.a libbase.a
tests_fuzz_fuzz_isakmp_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
endif

check_PROGRAMS += tests/fuzz/replay-kink tests/fuzz/replay-isakmp
TESTS += tests/fuzz/replay-kink tests/fuzz/replay-isakmp
tests_fuzz_replay_kink_SOURCES = tests/fuzz/replay.c $(fuzz_kink)
tests_fuzz_replay_kink_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"kink\"
tests_fuzz_replay_kink_LDADD = libwire.a libbase.a
tests_fuzz_replay_isakmp_SOURCES = tests/fuzz/replay.c $(fuzz_isakmp)
tests_fuzz_replay_isakmp_CPPFLAGS = $(AM_CPPFLAGS) -DCORPUS=\"isakmp\"
tests_fuzz_replay_isakmp_LDADD = libwire.a libbase.a

# Writes tests/fuzz/corpus anew.
EXTRA_PROGRAMS += tests/fuzz/make-corpus
tests_fuzz_make_corpus_SOURCES = tests/fuzz/make-corpus.c
tests_fuzz_make_corpus_LDADD = libwire.a libbase.a

EXTRA_DIST += tests/fuzz/corpus
