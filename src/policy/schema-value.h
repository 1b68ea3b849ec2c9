/* Parsing values type by type; schema.c chooses. Each as schema_value_parse() says. */
#ifndef POLICY_SCHEMA_VALUE_H
#define POLICY_SCHEMA_VALUE_H

#include "policy/schema.h"

enum err schema_parse_integer(
    const struct schema_setting *setting, const struct schema_value *value, void *out) MUST_CHECK;
enum err schema_parse_duration(
    const struct schema_setting *setting, const struct schema_value *value, void *out) MUST_CHECK;
enum err schema_parse_size(
    const struct schema_setting *setting, const struct schema_value *value, void *out) MUST_CHECK;
enum err schema_parse_file_mode(
    const struct schema_setting *setting, const struct schema_value *value, void *out) MUST_CHECK;
enum err schema_parse_choice(
    const struct schema_setting *setting, const struct schema_value *value, void *out) MUST_CHECK;
enum err schema_parse_log_level(
    const struct schema_setting *setting, const struct schema_value *value, void *out) MUST_CHECK;
enum err schema_parse_protocol(
    const struct schema_setting *setting, const struct schema_value *value, void *out) MUST_CHECK;
enum err schema_parse_ports(const struct schema_value *value, struct port_range *out) MUST_CHECK;
/* A run of digits, after which *text points; false when there is none or it is too big. */
bool schema_parse_digits(const char **text, unsigned base, uint64_t *out);

enum err schema_parse_text(const struct schema_setting *setting, const char *text,
    struct policy_store *store, const char **out) MUST_CHECK;
enum err schema_parse_name(const struct schema_setting *setting, const char *text,
    struct policy_store *store, const char **out) MUST_CHECK;
enum err schema_parse_host_name(
    const char *text, struct policy_store *store, const char **out) MUST_CHECK;
enum err schema_parse_template(const char *text, struct policy_store *store, const char **out,
    struct problem *hint) MUST_CHECK;
enum err schema_parse_prefix(const char *text, struct prefix *out, struct problem *hint) MUST_CHECK;
enum err schema_parse_endpoint(const char *text, struct endpoint *out) MUST_CHECK;
enum err schema_parse_suite(const char *text, struct suite *out, struct problem *hint) MUST_CHECK;

#endif
