/*
 * Every setting of the configuration file: name, type, range, default and what it means. Sentences
 * go into the manual page as they are, so they contain no markup.
 */
#include <limits.h>

#include "kinkd/kerberos.h"
#include "policy/schema-table.h"

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
	       "KCM or MEMORY, as libkrb5 knows them.",
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

static const struct schema_section realm_section = {.settings = realm};
static const struct schema_section host_section = {
    .noun = "host", .size = sizeof(struct config_host), .settings = host};

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
	.section = &schema_peer,
	FIELD(struct config_file, peers),
	.count_offset = offsetof(struct config_file, peer_count),
	.doc = "Who is trusted to be at which addresses.",
    },
    {
	.name = "policies",
	.type = SCHEMA_LIST,
	.required = true,
	.section = &schema_rule,
	FIELD(struct config_file, rules),
	.count_offset = offsetof(struct config_file, rule_count),
	.doc = "Which traffic is protected. The first policy that matches a packet decides; "
	       "traffic that none matches is left alone.",
    },
    {
	.name = "daemon",
	.type = SCHEMA_GROUP,
	.section = &schema_daemon,
	.offset = offsetof(struct config_file, daemon),
	.doc = "The daemon itself.",
    },
    END,
};

const struct schema_section schema_root = {.settings = root};
