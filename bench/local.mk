EXTRA_DIST += bench/handshake bench/esp
EXTRA_PROGRAMS += bench/handshake-host
bench_handshake_host_SOURCES = bench/handshake-host.c $(daemon_sources)
bench_handshake_host_LDADD = $(kinkd_LDADD)
