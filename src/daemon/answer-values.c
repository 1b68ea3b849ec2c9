/* Values of the control socket's answers. */
#include "daemon/answer-values.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/daemon.h"

/* JSON holds UTF-8 only; names of principals and texts of errors may come from peers. */
json_t *answer_text(const char *octets)
{
	json_t *string = json_string(octets);
	char *copy = string == NULL ? strdup(octets) : NULL;

	if (copy == NULL)
		return string;
	for (char *c = copy; *c != '\0'; c++) {
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	}
	string = json_string(copy);
	free(copy);
	return string;
}

json_t *answer_text_or_null(const char *octets)
{
	return octets != NULL && octets[0] != '\0' ? answer_text(octets) : json_null();
}

/* Seconds from now to then; null when there is no such time. */
json_t *answer_seconds_until(uint64_t then_ms)
{
	uint64_t now = host_now_ms();

	if (then_ms == 0)
		return json_null();
	return json_integer(then_ms > now ? (json_int_t)((then_ms - now) / 1000) : 0);
}

json_t *answer_seconds_since(uint64_t then_ms)
{
	return json_integer((json_int_t)((host_now_ms() - then_ms) / 1000));
}

json_t *answer_hex(uint32_t value)
{
	return value != 0 ? json_sprintf("0x%08x", value) : json_null();
}
