/* The settings of a peer. */
#include "kinkd/kerberos.h"
#include "policy/schema-table.h"

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

const struct schema_section schema_peer = {
    .noun = "peer", .size = sizeof(struct config_peer), .settings = peer};
