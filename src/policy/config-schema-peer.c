/* The settings of a peer. */
#include <limits.h>

#include "kinkd/kerberos.h"
#include "policy/schema-table.h"

const struct schema_choice schema_exchanges[] = {
    {"kink", EXCHANGE_KINK},
    {"ikev1", EXCHANGE_IKEV1},
    {NULL, 0},
};

static const struct schema_choice fallbacks[] = {
    {"no-realm", POLICY_FALLBACK_NO_REALM},
    {"no-principal", POLICY_FALLBACK_NO_PRINCIPAL},
    {"no-kdc", POLICY_FALLBACK_NO_KDC},
    {"silent", POLICY_FALLBACK_SILENT},
    {"never", 0},
    {NULL, 0},
};

/* RFC 4754 has one method for each curve; which of them it is the key says. */
static const struct schema_choice authentications[] = {
    {"psk", IKE_AUTHENTICATION_PSK},
    {"rsa-signature", IKE_AUTHENTICATION_RSA_SIGNATURE},
    {"ecdsa-signature", IKE_AUTHENTICATION_ECDSA_256},
    {"gss", IKE_AUTHENTICATION_GSS},
    {"rsa-encryption", IKE_AUTHENTICATION_ENCRYPTION},
    {"revised-rsa-encryption", IKE_AUTHENTICATION_REVISED_ENCRYPTION},
    {NULL, 0},
};

static const struct schema_choice ike_modes[] = {
    {"main", POLICY_IKE_MAIN},
    {"aggressive", POLICY_IKE_AGGRESSIVE},
    {NULL, 0},
};

static const struct schema_choice crl_policies[] = {
    {"off", CREDENTIALS_CRL_OFF},
    {"if-present", CREDENTIALS_CRL_IF_PRESENT},
    {"require", CREDENTIALS_CRL_REQUIRE},
    {NULL, 0},
};

static const struct schema_choice switches[] = {{"on", 1}, {"off", 0}, {NULL, 0}};

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
	       "that was not trusted on purpose. IKE has its own way, and does it unless off is "
	       "set. See Crossing NATs.",
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
	.choices = schema_exchanges,
	.fallback = "[ \"kink\" ]",
	RANGE(1, EXCHANGE_COUNT),
	MANY(struct config_peer, exchanges.items, exchanges.count),
	.doc = "The exchange methods to try with it, in this order. It may start with any of them.",
    },
    {
	.name = "fallback",
	.type = SCHEMA_CHOICE,
	.choices = fallbacks,
	.fallback = "[ \"no-realm\", \"no-principal\", \"no-kdc\", \"silent\" ]",
	MANY(struct config_peer, fallbacks.items, fallbacks.count),
	.doc = "What makes this host try the next method of exchange: no principal can be made out "
	       "for the peer (no-realm), the KDC does not know it (no-principal), no KDC answers "
	       "and there is no ticket (no-kdc), the peer does not answer on the method's port "
	       "(silent). Whoever can drop packets can bring the last two about, so list no method "
	       "that is not good enough by itself. See Falling back.",
    },
    {
	.name = "fallback_retry",
	.type = SCHEMA_MILLISECONDS,
	RANGE(1 * SECOND, 24 * HOUR * SECOND),
	.fallback = "\"10 min\"",
	FIELD(struct config_peer, peer.fallback_retry),
	.doc = "How long a method that was left that way is passed over with a host. Then it is "
	       "tried again, also while security associations of another method are in use.",
    },
    {
	.name = "authentication",
	.type = SCHEMA_CHOICE,
	.choices = authentications,
	RANGE(1, IKE_AUTHENTICATION_COUNT),
	MANY(struct config_peer, ike.authentications.items, ike.authentications.count),
	.doc = "IKE: how both ends prove who they are, most wanted first. gss is Kerberos inside "
	       "of main mode, by the principals and groups that KINK goes by; it is what Windows' "
	       "domain isolation speaks. rsa-encryption and revised-rsa-encryption are old, and "
	       "off unless named. Unset: psk with psk_file, signatures with certificate.",
    },
    {
	.name = "psk_file",
	.type = SCHEMA_TEXT,
	.expected = "the path of a file",
	RANGE(1, PATH_MAX - 1),
	FIELD(struct config_peer, ike.psk_file),
	.doc = "IKE: a file that holds the secret shared with these peers, and nothing else; the "
	       "end of its only line does not count. Only its owner may be able to read it.",
    },
    {
	.name = "local_id",
	.type = SCHEMA_TEXT,
	.expected = "an identity, such as \"a.example.test\"",
	RANGE(1, 1023),
	FIELD(struct config_peer, ike.local_id),
	.doc = "IKE: who this host says it is: an address, a host's name, user@name, or a "
	       "distinguished name such as C=CH, O=Example, CN=a. Unset: as its certificate says, "
	       "without one its address.",
    },
    {
	.name = "remote_id",
	.type = SCHEMA_TEXT,
	.expected = "an identity, such as \"b.example.test\", or \"any\"",
	RANGE(1, 1023),
	MANY(struct config_peer, ike.remote_ids.items, ike.remote_ids.count),
	.doc = "IKE: who the peer must prove to be, one of these. A star stands for the first "
	       "labels of a name, a user, or a value of a distinguished name; any is whoever can "
	       "prove what it claims. Unset: the address that it speaks from.",
    },
    {
	.name = "certificate",
	.type = SCHEMA_TEXT,
	.expected = "the path of a file",
	RANGE(1, PATH_MAX - 1),
	FIELD(struct config_peer, ike.ike.certificate),
	.doc = "IKE: this host's certificate in PEM, and after it those that lead to the root.",
    },
    {
	.name = "private_key",
	.type = SCHEMA_TEXT,
	.expected = "the path of a file",
	RANGE(1, PATH_MAX - 1),
	FIELD(struct config_peer, ike.ike.private_key),
	.doc = "IKE: the key of that certificate. Only its owner may be able to read it. Unset: it "
	       "is in the same file.",
    },
    {
	.name = "ca",
	.type = SCHEMA_TEXT,
	.expected = "the path of a file or directory",
	RANGE(1, PATH_MAX - 1),
	MANY(struct config_peer, ike.ike.authorities, ike.ike.authority_count),
	.doc = "IKE: certificates of the authorities whose word counts for these peers.",
    },
    {
	.name = "crl",
	.type = SCHEMA_TEXT,
	.expected = "the path of a file or directory",
	RANGE(1, PATH_MAX - 1),
	MANY(struct config_peer, ike.ike.crls, ike.ike.crl_count),
	.doc = "IKE: lists of revoked certificates.",
    },
    {
	.name = "crl_check",
	.type = SCHEMA_CHOICE,
	.choices = crl_policies,
	.fallback = "\"if-present\"",
	FIELD(struct config_peer, ike.ike.crl_policy),
	.doc = "IKE: whether each issuer must have a list that is not too old (require), or only "
	       "what is there counts (if-present).",
    },
    {
	.name = "peer_certificate",
	.type = SCHEMA_TEXT,
	.expected = "the path of a file or directory",
	RANGE(1, PATH_MAX - 1),
	FIELD(struct config_peer, ike.ike.peer_certificates),
	.doc =
	    "IKE: certificates of these peers, for authentication that needs a peer's key before "
	    "it has said who it is: rsa-encryption and revised-rsa-encryption.",
    },
    {
	.name = "ike",
	.type = SCHEMA_IKE_PROPOSAL,
	.fallback = "[ \"aes256-sha256-curve25519\", \"aes256-sha256-ecp256\", "
		    "\"aes256-sha384-ecp384\", \"aes256-sha256-modp2048\" ]",
	RANGE(1, POLICY_IKE_PROPOSALS_MAX),
	MANY(struct config_peer, ike.proposals, ike.proposal_count),
	.doc =
	    "IKE: how the negotiation itself is protected, to offer and to accept, most wanted "
	    "first: cipher (aes256, aes192, aes128, 3des), hash (sha256, sha384, sha512, sha1) "
	    "and group (as in pfs_groups, modp1536, modp1024). 3des, sha1, modp1536 and modp1024 "
	    "are weak and off unless named.",
    },
    {
	.name = "ike_lifetime",
	.type = SCHEMA_SECONDS,
	RANGE(60, 30 * DAY),
	.fallback = "\"8 h\"",
	FIELD(struct config_peer, ike.ike.lifetime),
	.doc = "IKE: how long the negotiation's own security association may live.",
    },
    {
	.name = "ike_mode",
	.type = SCHEMA_CHOICE,
	.choices = ike_modes,
	.fallback = "\"main\"",
	FIELD(struct config_peer, ike.ike.mode),
	.doc =
	    "IKE: the exchange to start with. Peers may always start with main mode, with "
	    "aggressive mode only where that is set. Aggressive mode shows who the ends are, and "
	    "with psk lets whoever listens guess the secret at leisure.",
    },
    {
	.name = "fragmentation",
	.type = SCHEMA_CHOICE,
	.choices = switches,
	.fallback = "\"on\"",
	FIELD(struct config_peer, ike.fragmentation),
	.doc = "IKE: whether large messages go in fragments of their own to peers that know these.",
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
