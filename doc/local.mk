# doc
dist_man_MANS += doc/kinkd.8 doc/kinkd.conf.5 doc/kinkctl.8
EXTRA_DIST += doc/active-directory.md doc/architecture.md doc/fallback.md doc/figures.md doc/rfc2409.md doc/rfc4430.md doc/troubleshooting.md
