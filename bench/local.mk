EXTRA_DIST += bench/handshake bench/esp
EXTRA_PROGRAMS += bench/handshake-host
bench_handshake_host_SOURCES = bench/handshake-host.c $(daemon_sources)
bench_handshake_host_LDADD = $(kinkd_LDADD)
EXTRA_DIST += bench/install
EXTRA_PROGRAMS += bench/install-pairs
bench_install_pairs_SOURCES = bench/install-pairs.c
bench_install_pairs_LDADD = $(dataplane_test_libs)
