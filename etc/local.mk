EXTRA_DIST += etc/kinkd.conf etc/kinkd.service.in

# An example beside the administrator's own file, which no installation touches.
kinkdconfdir = $(sysconfdir)/kinkd
kinkdconf_DATA = etc/kinkd.conf.example
etc/kinkd.conf.example: etc/kinkd.conf
	$(AM_V_GEN)$(MKDIR_P) etc && cp $(top_srcdir)/etc/kinkd.conf $@

bashcompletiondir = $(datadir)/bash-completion/completions
dist_bashcompletion_DATA = etc/bash-completion/kinkctl

# For Wireshark on any machine; see doc/troubleshooting.md.
wiresharkdir = $(pkgdatadir)/wireshark
dist_wireshark_DATA = etc/wireshark/kink.lua etc/wireshark/kink-keys.lua \
	etc/wireshark/kink-crypto.lua

systemdsystemunit_DATA = etc/kinkd.service
if HAVE_SYSTEMD
service_type = notify
else
service_type = simple
endif
etc/kinkd.service: etc/kinkd.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) etc && sed -e 's|@sbindir[@]|$(sbindir)|' \
		-e 's|@sysconfdir[@]|$(sysconfdir)|' -e 's|@service_type[@]|$(service_type)|' \
		$(top_srcdir)/etc/kinkd.service.in > $@

CLEANFILES += etc/kinkd.conf.example etc/kinkd.service
