/* libkrb5 contexts: the machine's configuration with our own settings laid over it. */
#include <errno.h>
#include <profile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kerberos/private.h"

/*
 * For contexts that verify what peers made: with libkrb5's own check of the clock there would be no
 * session key to protect the error with. Some thirty years, which no sum of times overflows.
 */
#define ANY_SKEW 1000000000U

/*
 * The setting that stands in place of the machine's, or NULL. Only who talks to the KDC may go by
 * its clock (kdc_timesync), which needs no more than that; towards peers it is the system's, or
 * what they have proved theirs to be.
 */
static const char *own_setting(const struct overlay *overlay, const char *const *names)
{
	if (names[0] == NULL || names[1] == NULL || names[2] != NULL ||
	    strcmp(names[0], "libdefaults") != 0)
		return NULL;
	if (strcmp(names[1], "clockskew") == 0)
		return overlay->clock_skew;
	if (strcmp(names[1], "kdc_timesync") == 0)
		return overlay->kdc_clock ? "1" : "0";
	return NULL;
}

static long get_values(void *self, const char *const *names, char ***out)
{
	struct overlay *overlay = self;
	const char *value = own_setting(overlay, names);
	char **values;

	if (value == NULL)
		return profile_get_values(overlay->machine, names, out);
	values = calloc(2, sizeof(*values));
	if (values != NULL)
		values[0] = strdup(value);
	if (values == NULL || values[0] == NULL) {
		free(values);
		return ENOMEM;
	}
	*out = values;
	return 0;
}

static void free_values(void *self, char **values)
{
	(void)self;
	profile_free_list(values);
}

enum err kerberos_overlay_init(
    struct overlay *overlay, uint32_t clock_skew, struct problem *problem)
{
	krb5_context context = NULL;
	krb5_error_code code = krb5_init_context(&context);

	if (code == 0)
		code = krb5_get_profile(context, &overlay->machine);
	krb5_free_context(context);
	(void)snprintf(overlay->clock_skew, sizeof(overlay->clock_skew), "%u", clock_skew);
	overlay->kdc_clock = true;
	if (code == 0)
		return ERR_OK;
	return problem_set(problem, ERR_SYSTEM,
	    "libkrb5 cannot be started (%s): is /etc/krb5.conf (or $KRB5_CONFIG) readable and "
	    "well-formed?",
	    error_message((errcode_t)code));
}

void kerberos_overlay_for_workers(struct overlay *overlay, const struct overlay *from)
{
	(void)snprintf(overlay->clock_skew, sizeof(overlay->clock_skew), "%u", ANY_SKEW);
	overlay->kdc_clock = false;
	overlay->machine = from->machine;
}

void kerberos_overlay_clear(struct overlay *overlay)
{
	if (overlay->machine != NULL)
		profile_release(overlay->machine);
}

enum err kerberos_context(struct overlay *overlay, krb5_context *out, struct problem *problem)
{
	struct profile_vtable functions = {
	    .minor_ver = 1, .get_values = get_values, .free_values = free_values};
	profile_t profile = NULL;
	krb5_error_code code = (krb5_error_code)profile_init_vtable(&functions, overlay, &profile);

	if (code == 0)
		code = krb5_init_context_profile(profile, 0, out);
	if (profile != NULL)
		profile_release(profile);
	if (code == 0)
		return ERR_OK;
	return problem_set(
	    problem, ERR_SYSTEM, "libkrb5 cannot be started: %s", error_message((errcode_t)code));
}
