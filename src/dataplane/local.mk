noinst_LIBRARIES += libdataplane.a
libdataplane_a_SOURCES = \
	src/dataplane/sa_rules.c src/dataplane/sa_rules.h \
	src/dataplane/selector.c src/dataplane/selector.h \
	src/dataplane/prefixes.c src/dataplane/prefixes.h \
	src/dataplane/record/record.c src/dataplane/record/record.h \
	src/dataplane/userspace/ah.c src/dataplane/userspace/ah.h \
	src/dataplane/userspace/ah_cover.c src/dataplane/userspace/ah_cover.h \
	src/dataplane/userspace/bundle.c src/dataplane/userspace/bundle.h \
	src/dataplane/userspace/checksum.c src/dataplane/userspace/checksum.h \
	src/dataplane/userspace/coalesce.c src/dataplane/userspace/coalesce.h \
	src/dataplane/userspace/decapsulate.c src/dataplane/userspace/decapsulate.h \
	src/dataplane/userspace/encapsulate.c src/dataplane/userspace/encapsulate.h \
	src/dataplane/userspace/esp.c src/dataplane/userspace/esp.h \
	src/dataplane/userspace/filter.h \
	src/dataplane/userspace/fragment.c src/dataplane/userspace/fragment.h \
	src/dataplane/userspace/hold.c src/dataplane/userspace/hold.h \
	src/dataplane/userspace/icmp.c src/dataplane/userspace/icmp.h \
	src/dataplane/userspace/inbound.c \
	src/dataplane/userspace/ipcomp.c src/dataplane/userspace/ipcomp.h \
	src/dataplane/userspace/lifetime.c \
	src/dataplane/userspace/netlink.c src/dataplane/userspace/netlink.h \
	src/dataplane/userspace/offload.h \
	src/dataplane/userspace/outbound.c \
	src/dataplane/userspace/packet.c src/dataplane/userspace/packet.h \
	src/dataplane/userspace/parcel.c src/dataplane/userspace/parcel.h \
	src/dataplane/userspace/path.c src/dataplane/userspace/path.h \
	src/dataplane/userspace/private.h \
	src/dataplane/userspace/promises.c src/dataplane/userspace/promises.h \
	src/dataplane/userspace/reassemble.c \
	src/dataplane/userspace/receive.c src/dataplane/userspace/receive.h \
	src/dataplane/userspace/replay.c src/dataplane/userspace/replay.h \
	src/dataplane/userspace/reverse_path.h \
	src/dataplane/userspace/routing.c src/dataplane/userspace/routing.h \
	src/dataplane/userspace/sa_table.c src/dataplane/userspace/sa_table.h \
	src/dataplane/userspace/segment.c src/dataplane/userspace/segment.h \
	src/dataplane/userspace/sockets.c src/dataplane/userspace/sockets.h \
	src/dataplane/userspace/spd.c src/dataplane/userspace/spd.h \
	src/dataplane/userspace/tun.c src/dataplane/userspace/tun.h \
	src/dataplane/userspace/udp.c src/dataplane/userspace/udp.h \
	src/dataplane/userspace/userspace.c \
	src/dataplane/xfrm/batch.c src/dataplane/xfrm/batch.h \
	src/dataplane/xfrm/encapsulation.c src/dataplane/xfrm/encapsulation.h \
	src/dataplane/xfrm/message.c src/dataplane/xfrm/message.h \
	src/dataplane/xfrm/message-sa.c \
	src/dataplane/xfrm/monitor.c src/dataplane/xfrm/monitor.h \
	src/dataplane/xfrm/policies.c src/dataplane/xfrm/policies.h \
	src/dataplane/xfrm/policies-internal.h \
	src/dataplane/xfrm/policies-lasting.c \
	src/dataplane/xfrm/private.h \
	src/dataplane/xfrm/states.c src/dataplane/xfrm/states.h \
	src/dataplane/xfrm/surroundings.c src/dataplane/xfrm/surroundings.h \
	src/dataplane/xfrm/wishes.c src/dataplane/xfrm/wishes.h \
	src/dataplane/xfrm/xfrm.c \
	src/dataplane/xfrm/xfrm-sa.c \
	src/dataplane/xfrm/xfrm-sas.c
# What the programs that link libdataplane.a need beside it.
DATAPLANE_LIBS = $(MNL_LIBS) $(NFTABLES_LIBS) $(ZLIB_LIBS)
if HAVE_NFTABLES
libdataplane_a_SOURCES += \
	src/dataplane/userspace/filter.c \
	src/dataplane/userspace/reverse_path.c
else
libdataplane_a_SOURCES += src/dataplane/userspace/filter-none.c
endif
