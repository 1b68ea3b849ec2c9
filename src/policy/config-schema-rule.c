/* The settings of a policy: what it matches, and how that is protected. */
#include "policy/schema-table.h"

static const struct schema_choice actions[] = {
    {"require", POLICY_REQUIRE},
    {"request", POLICY_REQUEST},
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
static const struct schema_choice esn[] = {
    {"off", CONFIG_ESN_WITHOUT},
    {"offer", CONFIG_ESN_WITH | CONFIG_ESN_WITHOUT},
    {"require", CONFIG_ESN_WITH},
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

static const struct schema_choice offloads[] = {
    {"off", OFFLOAD_OFF},
    {"crypto", OFFLOAD_CRYPTO},
    {"packet", OFFLOAD_PACKET},
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
	.doc = "Pass traffic only under IPsec (require); under IPsec once the peer agrees and in "
	       "the clear until then, but never again afterwards (request); pass it in the clear "
	       "(bypass) or drop it (discard).",
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
	.name = "mark",
	.type = SCHEMA_TEXT,
	.expected = "a mark such as \"0x10\", or with a mask, \"0x10/0xff\"",
	RANGE(1, 32),
	FIELD(struct config_rule, mark),
	.doc = "Only packets with this mark. The firewall or an application gives it to what is "
	       "sent, answers included; what comes in under the policy's security associations "
	       "is given it. Needs the kernel's data plane.",
    },
    {
	.name = "if_id",
	.type = SCHEMA_INTEGER,
	RANGE(1, UINT32_MAX),
	FIELD(struct config_rule, rule.if_id),
	.doc = "Only packets through the XFRM interface with this id, as \"ip link add type xfrm "
	       "if_id\" makes them. Needs the kernel's data plane.",
    },
    {
	.name = "peer",
	.type = SCHEMA_NAME,
	RANGE(1, NAME_LENGTH),
	FIELD(struct config_rule, peer),
	.doc = "Who protects the traffic. Unset: the peer that remote or gateway names.",
    },
    {
	.name = "exchange",
	.type = SCHEMA_CHOICE,
	.choices = schema_exchanges,
	RANGE(1, EXCHANGE_COUNT),
	MANY(struct config_rule, exchanges.items, exchanges.count),
	.doc = "The exchange methods for this traffic, some of its peer's, in the order to try. "
	       "Unset: as the peer's entry says.",
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
	.name = "offload",
	.type = SCHEMA_CHOICE,
	.choices = offloads,
	.fallback = "\"off\"",
	FIELD(struct config_rule, rule.offload),
	.doc = "What the network card does: nothing (off), encryption (crypto) or all of IPsec "
	       "(packet). What the card cannot do a kernel that knows of offload does itself "
	       "(crypto) or refuses (packet). Needs the kernel's data plane.",
    },
    {
	.name = "offload_device",
	.type = SCHEMA_TEXT,
	.expected = "the name of an interface, such as \"eth0\"",
	RANGE(1, DATAPLANE_DEVICE_SIZE - 1),
	FIELD(struct config_rule, rule.offload_device),
	.doc = "The card: the interface through which protected packets come and go.",
    },
    {
	.name = "esn",
	.type = SCHEMA_CHOICE,
	.choices = esn,
	.fallback = "\"off\"",
	FIELD(struct config_rule, esn),
	.doc = "Extended sequence numbers, of 64 bits, for links on which 4 billion packets are "
	       "soon sent: never (off), with peers that agree (offer) or always (require). Needs "
	       "the kernel's data plane.",
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
	.name = "lifetime_packets",
	.type = SCHEMA_INTEGER,
	RANGE(1000, 1000000000000000),
	FIELD(struct config_rule, rule.proposal.packet_limit),
	.doc = "How many packets it may carry in each direction. Peers are not told: this host "
	       "replaces the association itself, whoever began it. Unset: no limit but that of "
	       "the sequence numbers, which is 4294967295 without esn.",
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

const struct schema_section schema_rule = {
    .noun = "policy", .size = sizeof(struct config_rule), .settings = rule};
