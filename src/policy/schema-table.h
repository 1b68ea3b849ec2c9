/*
 * Words for the tables of settings: config-schema.c has the file's root, the others a part each.
 */
#ifndef POLICY_SCHEMA_TABLE_H
#define POLICY_SCHEMA_TABLE_H

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
#define NAME_LENGTH 63

extern const struct schema_choice schema_exchanges[]; /* by name */

extern const struct schema_section schema_peer;   /* one of peers */
extern const struct schema_section schema_rule;   /* one of policies */
extern const struct schema_section schema_daemon; /* the group daemon */

#endif
