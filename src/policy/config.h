/*
 * The configuration file (libconfig) as a policy. What may stand in it is one table
 * (config-schema*.c); parsing, its error messages, the listing of kinkd -t and the settings in
 * kinkd.conf(5) all come from there.
 */
#ifndef POLICY_CONFIG_H
#define POLICY_CONFIG_H

#include <stdio.h>

#include "policy/policy.h"

/* At most so many errors are told apart in one file. */
#define CONFIG_PROBLEMS_MAX 10

/* Called for each error, "file:line: setting: found ...; allowed: ...". */
typedef void (*config_report)(void *context, const struct problem *problem);

/*
 * The file is checked whole before any of it counts. On failure *out is NULL and problem holds the
 * first error. ERR_NOT_FOUND, ERR_DENIED or ERR_SYSTEM: it cannot be read; ERR_INVALID: it is
 * wrong; ERR_NO_MEMORY.
 */
enum err config_load(const char *path, struct policy **out, struct problem *problem) MUST_CHECK;
/* The same with up to CONFIG_PROBLEMS_MAX errors reported; report may be NULL. */
enum err config_check(const char *path, config_report report, void *context, struct policy **out,
    struct problem *problem) MUST_CHECK;
/* From memory; name stands for the file in messages. */
enum err config_parse_string(const char *name, const char *text, config_report report,
    void *context, struct policy **out, struct problem *problem) MUST_CHECK;

/*
 * What is in force although it is weak, each with what to do instead: for the output of kinkd -t
 * and the log.
 */
typedef void (*config_warning)(void *context, const char *text);
void config_warn(const struct policy *policy, config_warning warn, void *context);

/* What the daemon would do under this policy, in words, and all its settings in force. */
void config_describe(const struct policy *policy, FILE *out);
/* The settings as mdoc, for the manual page. */
void config_write_manual(FILE *out);

#endif
