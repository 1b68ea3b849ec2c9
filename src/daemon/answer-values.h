/* Values of the control socket's answers, as JSON: new references. */
#ifndef DAEMON_ANSWER_VALUES_H
#define DAEMON_ANSWER_VALUES_H

#include <jansson.h>
#include <stdint.h>

/* Of any octets: names of principals and texts of errors may come from peers. */
json_t *answer_text(const char *octets);
/* null for "" and NULL. */
json_t *answer_text_or_null(const char *octets);
/* Seconds from now to then; null when there is no such time (0). */
json_t *answer_seconds_until(uint64_t then_ms);
json_t *answer_seconds_since(uint64_t then_ms);
/* "0x0000abcd"; null for 0. */
json_t *answer_hex(uint32_t value);

#endif
