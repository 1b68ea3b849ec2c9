/* The settings of the daemon itself, in their groups. */
#include <limits.h>
#include <net/if.h>

#include "policy/schema-table.h"

#define SOCKET_PATH 107 /* what fits into a Unix socket's address */

static const struct schema_setting control[] = {
    {
	.name = "socket",
	.type = SCHEMA_TEXT,
	.expected = "an absolute path of at most 107 characters",
	RANGE(1, SOCKET_PATH),
	.fallback = "\"" RUNSTATEDIR "/kinkd/kinkd.ctl\"",
	FIELD(struct policy_daemon, control_socket),
	.doc = "Where kinkctl reaches the daemon.",
    },
    {
	.name = "group",
	.type = SCHEMA_TEXT,
	.expected = "the name of a group",
	RANGE(1, 32),
	FIELD(struct policy_daemon, control_group),
	.doc = "The group that owns the socket. Unset: the daemon's own.",
    },
    {
	.name = "mode",
	.type = SCHEMA_FILE_MODE,
	RANGE(0, 0777),
	.fallback = "\"0660\"",
	FIELD(struct policy_daemon, control_mode),
	.doc = "The socket's permissions.",
    },
    END,
};

#define LOG_AREA(area_name, area)                                                                  \
	{                                                                                          \
		.name = (area_name), .type = SCHEMA_LOG_LEVEL,                                     \
		FIELD(struct policy_daemon, log_levels[area]),                                     \
		.doc = "The same for this area alone. Unset: level.",                              \
	}

/* level first: it fills all areas, and those after it override it. */
static const struct schema_setting log_settings[] = {
    {
	.name = "level",
	.type = SCHEMA_LOG_LEVEL,
	.fallback = "\"info\"",
	FIELD(struct policy_daemon, log_levels),
	.doc = "How much is logged.",
    },
    LOG_AREA("daemon", LOG_AREA_DAEMON),
    LOG_AREA("control", LOG_AREA_CONTROL),
    LOG_AREA("policy", LOG_AREA_POLICY),
    LOG_AREA("kerberos", LOG_AREA_KERBEROS),
    LOG_AREA("kx", LOG_AREA_KX),
    LOG_AREA("kink", LOG_AREA_KINK),
    LOG_AREA("ikev1", LOG_AREA_IKEV1),
    LOG_AREA("sa", LOG_AREA_SA),
    LOG_AREA("dataplane", LOG_AREA_DATAPLANE),
    END,
};

static const struct schema_setting limits[] = {
    {
	.name = "sas",
	.type = SCHEMA_INTEGER,
	RANGE(1, 10000000),
	.fallback = "100000",
	FIELD(struct policy_daemon, max_sas),
	.doc = "Pairs of security associations held at a time.",
    },
    {
	.name = "pending",
	.type = SCHEMA_INTEGER,
	RANGE(1, 100000),
	.fallback = "1024",
	FIELD(struct policy_daemon, max_pending),
	.doc = "Messages from peers not yet authenticated that may be under verification.",
    },
    {
	.name = "agreements",
	.type = SCHEMA_INTEGER,
	RANGE(1, 1000000),
	.fallback = "1000",
	FIELD(struct policy_daemon, max_agreements),
	.doc = "Key agreements a second that peers not yet authenticated may cause by IKEv1. "
	       "What comes beyond it is dropped, and a peer repeats it half a second later.",
    },
    {
	.name = "hold_packets",
	.type = SCHEMA_INTEGER,
	RANGE(0, 4096),
	.fallback = "64",
	FIELD(struct policy_daemon, hold_packets),
	.doc = "Packets of one flow that wait while it is negotiated.",
    },
    {
	.name = "hold_flows",
	.type = SCHEMA_INTEGER,
	RANGE(0, 65536),
	.fallback = "256",
	FIELD(struct policy_daemon, hold_flows),
	.doc = "Flows whose packets may wait.",
    },
    END,
};

static const struct schema_setting retransmit[] = {
    {
	.name = "first",
	.type = SCHEMA_MILLISECONDS,
	RANGE(50, 10 * SECOND),
	.fallback = "\"500 ms\"",
	FIELD(struct policy_daemon, retransmit_first),
	.doc = "How long the first message waits for its answer before it is sent again.",
    },
    {
	.name = "limit",
	.type = SCHEMA_MILLISECONDS,
	RANGE(50, 60 * SECOND),
	.fallback = "\"8 s\"",
	FIELD(struct policy_daemon, retransmit_limit),
	.doc = "Each wait is twice the one before, up to this.",
    },
    {
	.name = "tries",
	.type = SCHEMA_INTEGER,
	RANGE(1, 20),
	.fallback = "7",
	FIELD(struct policy_daemon, retransmit_tries),
	.doc = "How often a message is sent in all before the negotiation has failed.",
    },
    END,
};

static const struct schema_setting retry[] = {
    {
	.name = "first",
	.type = SCHEMA_MILLISECONDS,
	RANGE(100, 3600 * SECOND),
	.fallback = "\"1 s\"",
	FIELD(struct policy_daemon, retry_first),
	.doc = "The pause after a failed negotiation before the next.",
    },
    {
	.name = "limit",
	.type = SCHEMA_MILLISECONDS,
	RANGE(100, 3600 * SECOND),
	.fallback = "\"60 s\"",
	FIELD(struct policy_daemon, retry_limit),
	.doc = "Each pause is twice the one before, up to this.",
    },
    END,
};

static const struct schema_section control_section = {.settings = control};
static const struct schema_section log_section = {.settings = log_settings};
static const struct schema_section limits_section = {.settings = limits};
static const struct schema_section retransmit_section = {.settings = retransmit};
static const struct schema_section retry_section = {.settings = retry};

static const struct schema_choice dataplanes[] = {
    {"auto", 0},
    {"kernel", 0},
    {"userspace", 0},
    {"record", 0},
    {NULL, 0},
};

static const struct schema_choice ends[] = {
    {"remove", 0},
    {"keep", 1},
    {NULL, 0},
};

static const struct schema_setting daemon_settings[] = {
    {
	.name = "dataplane",
	.type = SCHEMA_WORD,
	.choices = dataplanes,
	.fallback = "\"auto\"",
	FIELD(struct policy_daemon, dataplane),
	.doc = "What protects the packets: the kernel's own IPsec (kernel), ESP in this process "
	       "behind a TUN device (userspace), or nothing at all (record, for tests and "
	       "benchmarks). With auto the daemon tries whether the kernel takes an SA, else it "
	       "is userspace; the log and kinkctl status say which and why.",
    },
    {
	.name = "at_exit",
	.type = SCHEMA_CHOICE,
	.choices = ends,
	.fallback = "\"remove\"",
	FIELD(struct policy_daemon, keep),
	.doc = "What becomes of the policies when the daemon ends. When they are removed, traffic "
	       "is as if there were no daemon: in the clear. When they are kept, so are the "
	       "kernel's SAs: they serve until their lifetime ends or the next start has replaced "
	       "them, so that a restart loses few packets or none. What has no SA, as all that the "
	       "userspace data plane protects, goes nowhere until then.",
    },
    {
	.name = "device",
	.type = SCHEMA_NAME,
	RANGE(1, IF_NAMESIZE - 1),
	.fallback = "\"kinkd0\"",
	FIELD(struct policy_daemon, device),
	.doc = "The name of the TUN device.",
    },
    {
	.name = "mark",
	.type = SCHEMA_INTEGER,
	RANGE(256, UINT32_MAX),
	.fallback = "0x4b1d",
	FIELD(struct policy_daemon, mark),
	.doc = "The mark of the daemon's own packets, and the number of the routing table that "
	       "leads into the TUN device.",
    },
    {
	.name = "replay_window",
	.type = SCHEMA_INTEGER,
	RANGE(64, 65536),
	.fallback = "1024",
	FIELD(struct policy_daemon, replay_window),
	.doc = "By how many packets one may come late before it counts as replayed.",
    },
    {
	.name = "kink_port",
	.type = SCHEMA_INTEGER,
	RANGE(1, 65535),
	.fallback = "910",
	FIELD(struct policy_daemon, kink_port),
	.doc = "The UDP port of KINK, here and at the peers.",
    },
    {
	.name = "workers",
	.type = SCHEMA_INTEGER,
	RANGE(1, 64),
	.fallback = "2",
	FIELD(struct policy_daemon, workers),
	.doc = "Threads that do the work of Kerberos.",
    },
    {
	.name = "delete_grace",
	.type = SCHEMA_MILLISECONDS,
	RANGE(0, 60 * SECOND),
	.fallback = "\"2 s\"",
	FIELD(struct policy_daemon, delete_grace),
	.doc = "How long a security association still receives after it was deleted.",
    },
    {
	.name = "control",
	.type = SCHEMA_GROUP,
	.section = &control_section,
	.doc = "The control socket.",
    },
    {
	.name = "log",
	.type = SCHEMA_GROUP,
	.section = &log_section,
	.doc = "What is logged, in all and by area.",
    },
    {
	.name = "limits",
	.type = SCHEMA_GROUP,
	.section = &limits_section,
	.doc = "How much the daemon takes on.",
    },
    {
	.name = "retransmit",
	.type = SCHEMA_GROUP,
	.section = &retransmit_section,
	.doc = "How persistently a message is sent.",
    },
    {
	.name = "retry",
	.type = SCHEMA_GROUP,
	.section = &retry_section,
	.doc = "When a failed negotiation is tried again.",
    },
    {
	.name = "debug_keys",
	.type = SCHEMA_TEXT,
	.expected = "an absolute path",
	RANGE(1, PATH_MAX - 1),
	FIELD(struct policy_daemon, debug_keys),
	.doc = "For debugging only: keys are appended to this file, those of SAs and of Kerberos "
	       "sessions, in the clear, as Wireshark reads them. Whoever reads the file reads all "
	       "traffic. The file is made for its owner alone; remove it afterwards.",
    },
    END,
};

const struct schema_section schema_daemon = {.settings = daemon_settings};
