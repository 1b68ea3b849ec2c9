noinst_LIBRARIES += libpolicy.a
libpolicy_a_SOURCES = \
	src/policy/config.c src/policy/config.h src/policy/config-private.h \
	src/policy/config-build.c \
	src/policy/config-check.c \
	src/policy/config-describe.c \
	src/policy/config-ike.c \
	src/policy/config-warn.c \
	src/policy/config-manual.c \
	src/policy/config-schema.c src/policy/config-schema-daemon.c \
	src/policy/config-schema-peer.c src/policy/config-schema-rule.c \
	src/policy/config-walk.c \
	src/policy/identity.c src/policy/identity.h \
	src/policy/ike.c src/policy/ike.h \
	src/policy/pad.c \
	src/policy/policy.h \
	src/policy/proposal.c src/policy/proposal.h \
	src/policy/schema.c src/policy/schema.h src/policy/schema-table.h \
	src/policy/schema-number.c src/policy/schema-text.c src/policy/schema-value.h \
	src/policy/selector.h src/policy/spd.c \
	src/policy/store.c src/policy/store.h \
	src/policy/text.c src/policy/text.h
