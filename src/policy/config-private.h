/* The configuration file between its text and the policy, and how errors in it are told. */
#ifndef POLICY_CONFIG_PRIVATE_H
#define POLICY_CONFIG_PRIVATE_H

#include <libconfig.h>

#include "policy/config.h"
#include "policy/ike.h"
#include "policy/schema.h"

struct config_texts {
	const char *const *items;
	size_t count;
};

/* Elements of lists start with where they stand in the file. */
struct config_host {
	config_setting_t *source;
	struct policy_host host;
};

struct config_choices {
	const int *items;
	size_t count;
};

/* What config-ike.c makes a struct policy_ike of. */
struct config_ike {
	struct policy_ike ike; /* what needs no more work */
	const char *psk_file;
	const char *local_id;
	struct config_texts remote_ids;
	struct config_choices authentications;
	const struct policy_ike_proposal *proposals;
	size_t proposal_count;
	int fragmentation;
};

struct config_peer {
	config_setting_t *source;
	struct policy_peer peer;
	struct config_texts principals;
	struct config_choices exchanges;
	struct config_choices fallbacks;
	struct config_ike ike;
};

/* Which protocols a rule protects with, as bits. */
enum config_protection { CONFIG_ESP = 1, CONFIG_AH = 2 };
enum config_compression { CONFIG_COMPRESS_OFF, CONFIG_COMPRESS_DEFLATE };
/* Extended sequence numbers, as bits: suites with them, suites without. */
enum config_esn { CONFIG_ESN_WITHOUT = 1, CONFIG_ESN_WITH = 2 };

struct config_rule {
	config_setting_t *source;
	struct policy_rule rule; /* what needs no resolving */
	struct config_texts remotes;
	const char *peer;
	const char *gateway;
	const struct suite *suites;
	size_t suite_count;
	enum config_protection protection;
	const enum integrity *ah;
	size_t ah_count;
	enum config_compression compression;
	enum config_esn esn;
	const char *mark;
	const enum dh_group *groups;
	size_t group_count;
	struct config_choices exchanges;
};

struct config_file {
	config_setting_t *source; /* the root */
	struct policy_realm realm;
	struct policy_daemon daemon;
	struct config_host *hosts;
	size_t host_count;
	struct config_peer *peers;
	size_t peer_count;
	struct config_rule *rules;
	size_t rule_count;
};

struct config_context {
	const char *path;
	struct policy_store *store;
	config_report report;
	void *report_context;
	struct problem first;
	size_t problem_count;
};

/*
 * Tells of an error in a setting: in its member of that name when member is not NULL (which may be
 * missing from the file). Returns ERR_INVALID.
 */
enum err config_complain(struct config_context *context, const config_setting_t *setting,
    const char *member, const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Out of memory: no further errors are of use. */
enum err config_no_memory(struct config_context *context);

/* Reads the tree into *out as the schema says. Errors are in context. */
void config_walk(struct config_context *context, config_setting_t *root, struct config_file *out);
/* Makes the policy in context->store from the file. Errors are in context. */
void config_build(struct config_context *context, const struct config_file *file);
/* The part of a peer that is IKE's; nothing for one that does not speak it. */
void config_build_ike(
    struct config_context *context, const struct config_peer *source, struct policy_peer *peer);
/* What contradicts itself although each setting is fine. Errors are in context. */
void config_check_policy(struct config_context *context, const struct config_file *file);

#endif
