noinst_HEADERS += \
	include/kinkd/agreement.h \
	include/kinkd/credentials.h \
	include/kinkd/dataplane.h \
	include/kinkd/host.h \
	include/kinkd/ike.h \
	include/kinkd/ipsec.h \
	include/kinkd/kerberos.h \
	include/kinkd/kx.h
