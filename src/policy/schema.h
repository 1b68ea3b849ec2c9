/* What the words of the configuration schema mean; the tables are in config-schema*.c. */
#ifndef POLICY_SCHEMA_H
#define POLICY_SCHEMA_H

#include <stdio.h>

#include "policy/store.h"

enum schema_type {
	SCHEMA_TEXT,
	SCHEMA_NAME, /* of a peer or policy */
	SCHEMA_HOST_NAME,
	SCHEMA_TEMPLATE, /* of a principal */
	SCHEMA_SID,
	SCHEMA_INTEGER,
	SCHEMA_SECONDS, /* a duration, kept in seconds */
	SCHEMA_MILLISECONDS,
	SCHEMA_SIZE,
	SCHEMA_CHOICE, /* kept as the number that the choice stands for */
	SCHEMA_WORD,   /* a choice kept as its text */
	SCHEMA_LOG_LEVEL,
	SCHEMA_FILE_MODE,
	SCHEMA_ADDRESS,
	SCHEMA_ENDPOINT,
	SCHEMA_PREFIX,
	SCHEMA_SUITE,
	SCHEMA_IKE_PROPOSAL,
	SCHEMA_PORTS,
	SCHEMA_PROTOCOL,
	SCHEMA_GROUP, /* { ... }: its settings' offsets count from the group's own offset */
	SCHEMA_LIST   /* ( { ... }, ... ) */
};

struct schema_choice {
	const char *name;
	int value;
};

struct schema_section;

struct schema_setting {
	const char *name;
	const char *doc; /* one sentence */
	enum schema_type type;
	bool many;            /* a list of such values, or one alone */
	bool required;        /* there is no default */
	const char *expected; /* of a text: what it should be, for people */
	uint64_t minimum;     /* of numbers in their unit, of texts in characters */
	uint64_t maximum;
	const char *fallback; /* the default as the file would have it; NULL: unset */
	const struct schema_choice *choices;  /* ended by a NULL name */
	const struct schema_section *section; /* of groups and lists */
	/* Where the value goes in the struct of its section. */
	size_t offset;
	size_t size;
	size_t count_offset; /* many, SCHEMA_LIST: where the number of items goes */
};

struct schema_section {
	const char *noun;                      /* what one of a list is called: "peer" */
	size_t size;                           /* of the struct of a list's elements */
	const struct schema_setting *settings; /* ended by a NULL name */
};

/* The whole file. */
extern const struct schema_section schema_root;

const struct schema_setting *schema_find(const struct schema_section *section, const char *name);
/* What name was probably meant to be; NULL when nothing is near. */
const char *schema_near(const char *name, const char *const *candidates, size_t count);

/* A scalar as the file has it. */
struct schema_value {
	enum { VALUE_NUMBER, VALUE_TEXT, VALUE_OTHER } kind;
	int64_t number;
	const char *text; /* VALUE_OTHER: what it is, "a boolean" */
};

#define SCHEMA_TEXT_SIZE 200

/* Octets that one value of a setting takes. */
size_t schema_value_size(const struct schema_setting *setting);
/*
 * Checks a value and writes it to out. ERR_INVALID: not allowed, and hint may say more, else is
 * empty.
 */
enum err schema_value_parse(const struct schema_setting *setting, const struct schema_value *value,
    struct policy_store *store, void *out, struct problem *hint) MUST_CHECK;
/* What is allowed, for people: `a duration from 10 s to 30 d, such as "8 h"`. */
const char *schema_value_allowed(const struct schema_setting *setting, char text[SCHEMA_TEXT_SIZE]);
/* The choices of a setting that has any, also of those types that bring their own. */
const struct schema_choice *schema_choices(const struct schema_setting *setting);
/* Each known suite as an item of an mdoc list. */
void schema_write_suites(FILE *out);
/* False for a text that was left unset, and for the value of a whole group of settings. */
bool schema_value_is_set(const struct schema_setting *setting, const void *value);
/* A value as the file would have it. */
const char *schema_value_format(
    const struct schema_setting *setting, const void *value, char text[SCHEMA_TEXT_SIZE]);

/* "8 h", "500 ms"; "10 GiB". In the largest unit that comes out even. */
const char *schema_format_duration(uint64_t milliseconds, char text[SCHEMA_TEXT_SIZE]);
const char *schema_format_size(uint64_t bytes, char text[SCHEMA_TEXT_SIZE]);

#endif
