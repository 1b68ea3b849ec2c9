/* What Kerberos workers share: its making and end, status, the KDCs of the configuration. */
#include <profile.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "kerberos/private.h"

int64_t kerberos_now(void)
{
	return (int64_t)time(NULL);
}

int64_t kerberos_now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

int64_t kerberos_unique_us(struct kerberos_realm *realm)
{
	int64_t last = atomic_load(&realm->last_us);
	int64_t now;

	do {
		now = kerberos_now_us();
		/* A clock that was stepped back counts as such. */
		if (now < last + KERBEROS_MOMENT_US && now > last - 1000000)
			now = last + KERBEROS_MOMENT_US;
	} while (!atomic_compare_exchange_weak(&realm->last_us, &last, now));
	return now;
}

static enum err prepare(
    struct kerberos_realm *realm, const struct kerberos_settings *settings, struct problem *problem)
{
	char keytab[512];
	krb5_principal principal;
	krb5_error_code code;
	enum err error = kerberos_overlay_init(&realm->overlay, settings->clock_skew, problem);

	if (error == ERR_OK)
		error = kerberos_context(&realm->overlay, &realm->context, problem);
	if (error != ERR_OK)
		return error;
	kerberos_overlay_for_workers(&realm->worker_overlay, &realm->overlay);
	realm->clock_skew = settings->clock_skew;
	if (settings->principal != NULL) {
		code = krb5_parse_name(realm->context, settings->principal, &principal);
		if (code != 0)
			return problem_set(problem, ERR_INVALID,
			    "realm.principal \"%s\" is no principal: %s", settings->principal,
			    error_message((errcode_t)code));
		krb5_free_principal(realm->context, principal);
		realm->principal = strdup(settings->principal);
	}
	if (settings->keytab != NULL)
		realm->keytab_path = strdup(settings->keytab);
	else if (krb5_kt_default_name(realm->context, keytab, sizeof(keytab)) == 0)
		realm->keytab_path = strdup(keytab);
	else
		return problem_set(
		    problem, ERR_SYSTEM, "libkrb5 names no default keytab: set realm.keytab");
	if (settings->ccache != NULL)
		realm->ccache = strdup(settings->ccache);
	if (realm->keytab_path == NULL || (settings->ccache != NULL && realm->ccache == NULL) ||
	    (settings->principal != NULL && realm->principal == NULL) ||
	    replay_create(settings->clock_skew, kerberos_now_us(), KERBEROS_REPLAYS_MAX,
		&realm->replay) != ERR_OK)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	return ERR_OK;
}

enum err kerberos_realm_create(const struct kerberos_settings *settings, struct log *log,
    struct kerberos_realm **out, struct problem *problem)
{
	struct kerberos_realm *realm = calloc(1, sizeof(*realm));
	enum err error;

	if (realm == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	(void)pthread_mutex_init(&realm->lock, NULL);
	(void)pthread_cond_init(&realm->fetched, NULL);
	realm->log = log;
	realm->disclose = settings->disclose;
	realm->disclose_context = settings->disclose_context;
	limit_init(&realm->doubts, 4, 1, (uint64_t)kerberos_now() * 1000);
	error = prepare(realm, settings, problem);
	if (error != ERR_OK) {
		kerberos_realm_destroy(realm);
		return error;
	}
	(void)problem_set(
	    &realm->status.problem, ERR_UNAVAILABLE, "no ticket has been asked for yet");
	*out = realm;
	return ERR_OK;
}

void kerberos_realm_destroy(struct kerberos_realm *realm)
{
	if (realm == NULL)
		return;
	kerberos_tickets_clear(realm);
	kerberos_clients_clear(realm);
	if (realm->keytab_version > 0)
		(void)krb5_kt_close(realm->context, realm->keytab);
	krb5_free_context(realm->context);
	kerberos_overlay_clear(&realm->overlay);
	replay_destroy(realm->replay);
	(void)pthread_cond_destroy(&realm->fetched);
	(void)pthread_mutex_destroy(&realm->lock);
	free(realm->keytab_path);
	free(realm->ccache);
	free(realm->principal);
	free(realm);
}

void kerberos_realm_status(struct kerberos_realm *realm, struct kerberos_status *out)
{
	(void)pthread_mutex_lock(&realm->lock);
	*out = realm->status;
	(void)pthread_mutex_unlock(&realm->lock);
	replay_count(realm->replay, &out->replays, &out->replays_full);
}

/* Where the KDC's services of one realm are; each as libkrb5 would reach it. */
static const struct service {
	const char *setting;
	const char *port;
} services[] = {{"kdc", "88"}, {"primary_kdc", "88"}, {"master_kdc", "88"},
    {"kpasswd_server", "464"}, {"admin_server", "749"}};

/* "[tcp/ or udp/]host[:port]" or "https://host[:port][/path]" to "host:port". */
static void tell_service(const char *value, const char *port,
    void (*callback)(void *context, const char *name), void *context)
{
	static const char https[] = "https://";
	char text[300];
	size_t len;

	if (strncmp(value, https, sizeof(https) - 1) == 0) {
		value += sizeof(https) - 1;
		port = "443";
	} else if (strncmp(value, "tcp/", 4) == 0 || strncmp(value, "udp/", 4) == 0) {
		value += 4;
	}
	len = strcspn(value, "/ \t");
	(void)snprintf(text, sizeof(text), "%.*s", (int)len, value);
	len = text[0] == '[' ? strcspn(text, "]") : 0;
	if (strchr(text + len, ':') == NULL)
		(void)snprintf(
		    text, sizeof(text), "%.*s:%s", (int)strcspn(value, "/ \t"), value, port);
	callback(context, text);
}

static void kdcs_of(profile_t profile, const char *realm_name,
    void (*callback)(void *context, const char *name), void *context)
{
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		const char *path[] = {"realms", realm_name, services[i].setting, NULL};
		char **values = NULL;

		if (profile_get_values(profile, path, &values) != 0)
			continue;
		for (size_t j = 0; values[j] != NULL; j++)
			tell_service(values[j], services[i].port, callback, context);
		profile_free_list(values);
	}
}

void kerberos_realm_names(
    struct kerberos_realm *realm, void (*callback)(void *context, const char *name), void *context)
{
	char client[KERBEROS_NAME_MAX] = "";
	const char *own;
	char *name = NULL;

	(void)pthread_mutex_lock(&realm->lock);
	if (realm->principal != NULL)
		(void)snprintf(client, sizeof(client), "%s", realm->principal);
	else if (realm->ccache != NULL)
		kerberos_ccache_owner(realm, client);
	own = strrchr(client, '@');
	if (krb5_get_default_realm(realm->context, &name) == 0)
		callback(context, name);
	if (own != NULL && (name == NULL || strcmp(own + 1, name) != 0))
		callback(context, own + 1);
	krb5_free_default_realm(realm->context, name);
	(void)pthread_mutex_unlock(&realm->lock);
}

struct kdc_listing {
	profile_t profile;
	void (*callback)(void *context, const char *name);
	void *context;
};

static void list_kdcs(void *context, const char *realm_name)
{
	const struct kdc_listing *listing = context;

	kdcs_of(listing->profile, realm_name, listing->callback, listing->context);
}

void kerberos_kdc_names(
    struct kerberos_realm *realm, void (*callback)(void *context, const char *name), void *context)
{
	struct kdc_listing listing = {
	    .profile = realm->overlay.machine, .callback = callback, .context = context};

	kerberos_realm_names(realm, list_kdcs, &listing);
}

static void list_unless_kdc(void *context, const char *realm_name)
{
	const struct kdc_listing *listing = context;
	const char *path[] = {"realms", realm_name, "kdc", NULL};
	char **values = NULL;

	if (profile_get_values(listing->profile, path, &values) == 0)
		profile_free_list(values);
	else
		listing->callback(listing->context, realm_name);
}

void kerberos_realms_in_dns(
    struct kerberos_realm *realm, void (*callback)(void *context, const char *name), void *context)
{
	struct kdc_listing listing = {
	    .profile = realm->overlay.machine, .callback = callback, .context = context};

	kerberos_realm_names(realm, list_unless_kdc, &listing);
}
