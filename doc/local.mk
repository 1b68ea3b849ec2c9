# doc
dist_man_MANS += doc/kinkd.conf.5
EXTRA_DIST += doc/architecture.md doc/troubleshooting.md
