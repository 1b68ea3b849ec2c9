/*
 * Every setting of the configuration file: name, type, range, default and what it means. Sentences
 * go into the manual page as they are, so they contain no markup.
 */
#include <limits.h>
#include <net/if.h>

#include "kinkd/kerberos.h"
#include "policy/config-private.h"

#define FIELD(type, member) .offset = offsetof(type, member), .size = sizeof(((type *)0)->member)
#define MANY(type, items, counter)                                                                 \
	.many = true, FIELD(type, items), .count_offset = offsetof(type, counter)
#define RANGE(least, most) .minimum = (least), .maximum = (most)
#define END                                                                                        \
	{                                                                                          \
		.name = NULL                                                                       \
	}

#define SECOND      1000ULL /* in milliseconds */
#define HOUR        3600ULL /* in seconds */
#define DAY         (24 * HOUR)
#define MIB         (1024ULL * 1024)
#define TIB         (MIB * MIB)
#define SOCKET_PATH 107 /* what fits into a Unix socket's address */
#define NAME_LENGTH 63

static const struct schema_setting realm[] = {
    {
	.name = "keytab",
	.type = SCHEMA_TEXT,
	.expected = "the path of a keytab",
	RANGE(1, PATH_MAX - 1),
	FIELD(struct config_file, realm.keytab),
	.doc = "The keytab with this host's keys. Unset: the one that libkrb5 takes by default.",
    },
    {
	.name = "ccache",
	.type = SCHEMA_TEXT,
	.expected = "a credential cache, such as \"FILE:/tmp/krb5cc_1000\"",
	RANGE(1, PATH_MAX - 1),
	FIELD(struct config_file, realm.ccache),
	.doc = "A credential cache whose ticket this host starts with instead of its keytab; "
	       "kinit or a login keeps it, and it must be readable for kinkd. FILE, DIR, KEYRING, "
	       "KCM, as libkrb5 knows them.",
    },
    {
	.name = "principal",
	.type = SCHEMA_TEXT,
	.expected = "a principal, such as \"A$@EXAMPLE.TEST\"",
	RANGE(1, KERBEROS_NAME_MAX - 1),
	FIELD(struct config_file, realm.principal),
	.doc = "Whom this host starts as. Unset: the principal of ccache, or one chosen from the "
	       "keytab.",
    },
    {
	.name = "kdc",
	.type = SCHEMA_ENDPOINT,
	MANY(struct config_file, realm.kdcs, realm.kdc_count),
	.doc = "Key distribution centres that must always be reachable in the clear, besides those "
	       "that libkrb5's own configuration names.",
    },
    {
	.name = "clock_skew",
	.type = SCHEMA_SECONDS,
	RANGE(1, HOUR),
	.fallback = "\"5 min\"",
	FIELD(struct config_file, realm.clock_skew),
	.doc = "By how much a peer's clock may differ from ours.",
    },
    END,
};

static const struct schema_setting host[] = {
    {
	.name = "address",
	.type = SCHEMA_ADDRESS,
	.required = true,
	FIELD(struct config_host, host.address),
	.doc = "The host's address.",
    },
    {
	.name = "name",
	.type = SCHEMA_HOST_NAME,
	.required = true,
	FIELD(struct config_host, host.name),
	.doc = "Its full name, used instead of asking the resolver.",
    },
    END,
};

static const struct schema_choice exchanges[] = {{"kink", EXCHANGE_KINK}, {NULL, 0}};

static const struct schema_choice user_to_user[] = {
    {"off", POLICY_USER_TO_USER_OFF},
    {"allow", POLICY_USER_TO_USER_ALLOW},
    {"require", POLICY_USER_TO_USER_REQUIRE},
    {NULL, 0},
};

static const struct schema_choice nats[] = {
    {"off", POLICY_NAT_OFF},
    {"auto", POLICY_NAT_AUTO},
    {NULL, 0},
};

static const struct schema_choice dialects[] = {
    {"rfc4430", POLICY_DIALECT_RFC4430},
    {"racoon2", POLICY_DIALECT_RACOON2},
    {NULL, 0},
};

static const struct schema_setting peer[] = {
    {
	.name = "name",
	.type = SCHEMA_NAME,
	.required = true,
	RANGE(1, NAME_LENGTH),
	FIELD(struct config_peer, peer.name),
	.doc = "What policies call this peer.",
    },
    {
	.name = "address",
	.type = SCHEMA_PREFIX,
	.required = true,
	MANY(struct config_peer, peer.addresses, peer.address_count),
	.doc = "The addresses that belong to it. Where peers overlap, the longest prefix counts.",
    },
    {
	.name = "principal",
	.type = SCHEMA_TEMPLATE,
	MANY(struct config_peer, principals.items, principals.count),
	.doc = "Its Kerberos names, for both roles below. In each, {fqdn} stands for the host's "
	       "full name in lower case, {host} for the first label of it, {HOST} for the same in "
	       "upper case.",
    },
    {
	.name = "responder_principal",
	.type = SCHEMA_TEMPLATE,
	MANY(struct config_peer, peer.responder_principals, peer.responder_principal_count),
	.doc = "Its names as responder; the first is the one asked for. Unset: principal.",
    },
    {
	.name = "initiator_principal",
	.type = SCHEMA_TEMPLATE,
	MANY(struct config_peer, peer.initiator_principals, peer.initiator_principal_count),
	.doc = "The names that it may start as. Unset: principal.",
    },
    {
	.name = "initiator_group",
	.type = SCHEMA_SID,
	MANY(struct config_peer, peer.initiator_groups, peer.initiator_group_count),
	.doc = "Groups of Active Directory, by their security identifiers: who starts must also be "
	       "a member of one of them, or be it, as its ticket tells. When this host starts, "
	       "only the other's name counts, for no ticket tells that host's groups. Unset: no "
	       "group is asked for.",
    },
    {
	.name = "local_principal",
	.type = SCHEMA_TEXT,
	.expected = "a principal, such as \"kink/a.example.test@EXAMPLE.TEST\"",
	RANGE(1, KERBEROS_NAME_MAX - 1),
	FIELD(struct config_peer, peer.local_principal),
	.doc =
	    "Whom this host starts as with these peers, by the same keytab or kind of credential "
	    "cache. Unset: the realm's principal.",
    },
    {
	.name = "user_to_user",
	.type = SCHEMA_CHOICE,
	.choices = user_to_user,
	.fallback = "\"off\"",
	FIELD(struct config_peer, peer.user_to_user),
	.doc = "Tickets under the session key of the other host's own ticket, for hosts without a "
	       "keytab: never (off), when the peer or the KDC asks for it (allow), always "
	       "(require). With allow and require these peers can have this host's ticket.",
    },
    {
	.name = "nat",
	.type = SCHEMA_CHOICE,
	.choices = nats,
	.fallback = "\"off\"",
	FIELD(struct config_peer, peer.nat),
	.doc = "Whether NATs between this host and these peers are looked for and crossed (auto): "
	       "ESP then goes in UDP between ports 4500, which kinkd opens; both ends must say "
	       "auto. The default changes nothing on the wire, and trusts no translated address "
	       "that was not trusted on purpose. See Crossing NATs.",
    },
    {
	.name = "dialect",
	.type = SCHEMA_CHOICE,
	.choices = dialects,
	.fallback = "\"rfc4430\"",
	FIELD(struct config_peer, peer.dialect),
	.doc =
	    "How these peers read RFC 4430. Those that run racoon2's kinkd derive keys in another "
	    "way and understand little more than one proposal in two messages, which policies "
	    "with them must then keep to.",
    },
    {
	.name = "exchange",
	.type = SCHEMA_CHOICE,
	.choices = exchanges,
	.fallback = "[ \"kink\" ]",
	RANGE(1, EXCHANGE_COUNT),
	MANY(struct config_peer, exchanges, exchange_count),
	.doc = "The exchange methods to try with it, in this order.",
    },
    {
	.name = "dpd",
	.type = SCHEMA_MILLISECONDS,
	RANGE(0, 24 * HOUR * SECOND),
	.fallback = "\"60 s\"",
	FIELD(struct config_peer, peer.dpd),
	.doc = "Dead-peer detection: after how long without a packet or message from a host with "
	       "security associations it is asked whether it is still there. It is asked sooner "
	       "when packets leave and none come back. With 0 it never is.",
    },
    {
	.name = "dpd_timeout",
	.type = SCHEMA_MILLISECONDS,
	RANGE(1 * SECOND, HOUR *SECOND),
	FIELD(struct config_peer, peer.dpd_timeout),
	.doc = "How long it may leave that unanswered before it is dead: then its security "
	       "associations go, and traffic causes new ones. Unset: as long as daemon.retransmit "
	       "lets one message be sent again.",
    },
    END,
};

static const struct schema_choice actions[] = {
    {"require", POLICY_REQUIRE},
    {"bypass", POLICY_BYPASS},
    {"discard", POLICY_DISCARD},
    {NULL, 0},
};
static const struct schema_choice modes[] = {
    {"transport", IPSEC_TRANSPORT},
    {"tunnel", IPSEC_TUNNEL},
    {NULL, 0},
};
static const struct schema_choice protections[] = {
    {"esp", CONFIG_ESP},
    {"ah", CONFIG_AH},
    {"esp+ah", CONFIG_ESP | CONFIG_AH},
    {NULL, 0},
};
static const struct schema_choice ah_suites[] = {
    {"sha256", INTEGRITY_HMAC_SHA2_256_128},
    {"sha384", INTEGRITY_HMAC_SHA2_384_192},
    {"sha512", INTEGRITY_HMAC_SHA2_512_256},
    {"sha1", INTEGRITY_HMAC_SHA1_96},
    {NULL, 0},
};
static const struct schema_choice compressions[] = {
    {"off", CONFIG_COMPRESS_OFF},
    {"deflate", CONFIG_COMPRESS_DEFLATE},
    {NULL, 0},
};
static const struct schema_choice pfs[] = {
    {"off", POLICY_PFS_OFF},
    {"offer", POLICY_PFS_OFFER},
    {"require", POLICY_PFS_REQUIRE},
    {NULL, 0},
};
static const struct schema_choice groups[] = {
    {"curve25519", DH_CURVE25519},
    {"ecp256", DH_ECP_256},
    {"ecp384", DH_ECP_384},
    {"ecp521", DH_ECP_521},
    {"modp2048", DH_MODP_2048},
    {"modp3072", DH_MODP_3072},
    {"modp4096", DH_MODP_4096},
    {NULL, 0},
};
static const struct schema_choice nonces[] = {
    {"initiator", POLICY_NONCES_INITIATOR},
    {"both", POLICY_NONCES_BOTH},
    {NULL, 0},
};

static const struct schema_setting rule[] = {
    {
	.name = "name",
	.type = SCHEMA_NAME,
	.required = true,
	RANGE(1, NAME_LENGTH),
	FIELD(struct config_rule, rule.name),
	.doc = "What logs and kinkctl call this policy.",
    },
    {
	.name = "protect",
	.type = SCHEMA_CHOICE,
	.choices = actions,
	.fallback = "\"require\"",
	FIELD(struct config_rule, rule.action),
	.doc = "Pass traffic only under IPsec (require), pass it in the clear (bypass) or drop it "
	       "(discard).",
    },
    {
	.name = "remote",
	.type = SCHEMA_TEXT,
	.expected = "the name of a peer, or prefixes such as \"10.0.0.0/8\"",
	RANGE(1, 255),
	MANY(struct config_rule, remotes.items, remotes.count),
	.doc = "The far end: the name of a peer, whose addresses it then is, or prefixes. Unset: "
	       "the addresses of the peer; with bypass and discard, any.",
    },
    {
	.name = "local",
	.type = SCHEMA_PREFIX,
	MANY(struct config_rule, rule.locals, rule.local_count),
	.doc = "The near end. Unset: any address of this host or behind it.",
    },
    {
	.name = "protocol",
	.type = SCHEMA_PROTOCOL,
	.fallback = "\"any\"",
	FIELD(struct config_rule, rule.protocol),
	.doc = "The IP protocol.",
    },
    {
	.name = "local_port",
	.type = SCHEMA_PORTS,
	.fallback = "\"any\"",
	FIELD(struct config_rule, rule.local_ports),
	.doc = "The port, or range of ports, at the near end; needs a protocol that has ports.",
    },
    {
	.name = "remote_port",
	.type = SCHEMA_PORTS,
	.fallback = "\"any\"",
	FIELD(struct config_rule, rule.remote_ports),
	.doc = "The same at the far end.",
    },
    {
	.name = "peer",
	.type = SCHEMA_NAME,
	RANGE(1, NAME_LENGTH),
	FIELD(struct config_rule, peer),
	.doc = "Who protects the traffic. Unset: the peer that remote or gateway names.",
    },
    {
	.name = "mode",
	.type = SCHEMA_CHOICE,
	.choices = modes,
	.fallback = "\"transport\"",
	FIELD(struct config_rule, rule.mode),
	.doc = "Between this host and the far end itself (transport), or through a gateway "
	       "(tunnel).",
    },
    {
	.name = "gateway",
	.type = SCHEMA_TEXT,
	.expected = "an address, or the name of a peer",
	RANGE(1, 255),
	FIELD(struct config_rule, gateway),
	.doc = "Tunnel mode: the far end of the tunnel, by address, or by the name of a peer that "
	       "has one address.",
    },
    {
	.name = "esp",
	.type = SCHEMA_SUITE,
	.fallback = "[ \"aes256gcm16\", \"aes128gcm16\", \"aes256-sha256\" ]",
	RANGE(1, POLICY_SUITES_MAX),
	MANY(struct config_rule, suites, suite_count),
	.doc = "The cipher suites to offer and to accept, most wanted first. Those with sha1 or "
	       "null are weak and off unless named.",
    },
    {
	.name = "ipsec",
	.type = SCHEMA_CHOICE,
	.choices = protections,
	.fallback = "\"esp\"",
	FIELD(struct config_rule, protection),
	.doc =
	    "The IPsec protocols that protect packets: encrypted (esp), only authenticated, with "
	    "the outer header as well (ah), or both, one around the other.",
    },
    {
	.name = "ah",
	.type = SCHEMA_CHOICE,
	.choices = ah_suites,
	.fallback = "\"sha256\"",
	RANGE(1, POLICY_AH_MAX),
	MANY(struct config_rule, ah, ah_count),
	.doc = "The integrity algorithms of AH to offer and to accept, most wanted first. sha1 is "
	       "weak and off unless named.",
    },
    {
	.name = "compress",
	.type = SCHEMA_CHOICE,
	.choices = compressions,
	.fallback = "\"off\"",
	FIELD(struct config_rule, compression),
	.doc = "IPComp: compresses packets before they are encrypted. The length of what is sent "
	       "then tells something of its content.",
    },
    {
	.name = "lifetime",
	.type = SCHEMA_SECONDS,
	RANGE(10, 30 * DAY),
	.fallback = "\"8 h\"",
	FIELD(struct config_rule, rule.proposal.lifetime.seconds),
	.doc = "How long a security association may live. It is replaced before that.",
    },
    {
	.name = "lifetime_bytes",
	.type = SCHEMA_SIZE,
	RANGE(MIB, 2 * TIB),
	FIELD(struct config_rule, rule.proposal.lifetime.bytes),
	.doc = "How much it may carry. Unset: no limit.",
    },
    {
	.name = "pfs",
	.type = SCHEMA_CHOICE,
	.choices = pfs,
	.fallback = "\"off\"",
	FIELD(struct config_rule, rule.proposal.pfs),
	.doc = "Perfect forward secrecy: keys come out of a Diffie-Hellman exchange, too, so that "
	       "who learns Kerberos keys later cannot read what was recorded. When offered only, "
	       "peers without it are served without.",
    },
    {
	.name = "pfs_groups",
	.type = SCHEMA_CHOICE,
	.choices = groups,
	.fallback = "[ \"curve25519\", \"ecp256\", \"ecp384\", \"modp2048\" ]",
	RANGE(1, POLICY_GROUPS_MAX),
	MANY(struct config_rule, groups, group_count),
	.doc = "The groups to accept for that; the first is the one to offer.",
    },
    {
	.name = "nonces",
	.type = SCHEMA_CHOICE,
	.choices = nonces,
	.fallback = "\"initiator\"",
	FIELD(struct config_rule, rule.proposal.nonces),
	.doc = "Who makes keys fresh: the host that starts, in two messages, or, whenever this "
	       "host answers, both, in three.",
    },
    END,
};

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
		.name = area_name, .type = SCHEMA_LOG_LEVEL,                                       \
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
    {"userspace", 0},
    {"record", 0},
    {NULL, 0},
};

static const struct schema_setting daemon_settings[] = {
    {
	.name = "dataplane",
	.type = SCHEMA_WORD,
	.choices = dataplanes,
	.fallback = "\"auto\"",
	FIELD(struct policy_daemon, dataplane),
	.doc = "What protects the packets: ESP in this process behind a TUN device (userspace), "
	       "or nothing at all (record, for tests and benchmarks). With auto the daemon "
	       "chooses what works and says so.",
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

static const struct schema_section realm_section = {.settings = realm};
static const struct schema_section daemon_section = {.settings = daemon_settings};
static const struct schema_section host_section = {
    .noun = "host", .size = sizeof(struct config_host), .settings = host};
static const struct schema_section peer_section = {
    .noun = "peer", .size = sizeof(struct config_peer), .settings = peer};
static const struct schema_section rule_section = {
    .noun = "policy", .size = sizeof(struct config_rule), .settings = rule};

static const struct schema_setting root[] = {
    {
	.name = "realm",
	.type = SCHEMA_GROUP,
	.section = &realm_section,
	.doc = "This host's place in its Kerberos realm.",
    },
    {
	.name = "hosts",
	.type = SCHEMA_LIST,
	.section = &host_section,
	FIELD(struct config_file, hosts),
	.count_offset = offsetof(struct config_file, host_count),
	.doc = "Names of addresses, for hosts that DNS does not know or is not to be asked about.",
    },
    {
	.name = "peers",
	.type = SCHEMA_LIST,
	.section = &peer_section,
	FIELD(struct config_file, peers),
	.count_offset = offsetof(struct config_file, peer_count),
	.doc = "Who is trusted to be at which addresses.",
    },
    {
	.name = "policies",
	.type = SCHEMA_LIST,
	.required = true,
	.section = &rule_section,
	FIELD(struct config_file, rules),
	.count_offset = offsetof(struct config_file, rule_count),
	.doc = "Which traffic is protected. The first policy that matches a packet decides; "
	       "traffic that none matches is left alone.",
    },
    {
	.name = "daemon",
	.type = SCHEMA_GROUP,
	.section = &daemon_section,
	.offset = offsetof(struct config_file, daemon),
	.doc = "The daemon itself.",
    },
    END,
};

const struct schema_section schema_root = {.settings = root};
