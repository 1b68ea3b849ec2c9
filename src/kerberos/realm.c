/* What Kerberos workers share: contexts, the keytab, status. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <profile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "kerberos/private.h"

/* Authenticators remembered at the same time: 16 octets each. */
#define REPLAY_MAX 8000000

#define DEFAULT_SKEW 300

int64_t kerberos_now(void)
{
	return (int64_t)time(NULL);
}

/*
 * libkrb5 takes the clock skew from its configuration only: a small file in memory that says it
 * goes before the usual ones.
 */
static krb5_error_code context_with_skew(uint32_t clock_skew, krb5_context *out)
{
	const char *usual = secure_getenv("KRB5_CONFIG");
	char text[80];
	char path[PATH_MAX];
	profile_t profile = NULL;
	krb5_error_code code = 0;
	int descriptor = memfd_create("krb5-skew", MFD_CLOEXEC);
	int length = snprintf(text, sizeof(text), "[libdefaults]\n clockskew = %u\n", clock_skew);

	if (descriptor < 0 || write(descriptor, text, (size_t)length) != length)
		code = ENOMEM;
	if (code == 0 && snprintf(path, sizeof(path), "/proc/self/fd/%d:%s", descriptor,
			     usual != NULL ? usual : "/etc/krb5.conf") >= (int)sizeof(path))
		code = ENAMETOOLONG;
	if (code == 0)
		code = (krb5_error_code)profile_init_path(path, &profile);
	if (code == 0)
		code = krb5_init_context_profile(profile, 0, out);
	if (profile != NULL)
		profile_release(profile);
	if (descriptor >= 0)
		(void)close(descriptor);
	return code;
}

enum err kerberos_context(uint32_t clock_skew, krb5_context *out, struct problem *problem)
{
	krb5_error_code code = clock_skew == DEFAULT_SKEW ? krb5_init_context(out)
	                                                  : context_with_skew(clock_skew, out);

	if (code == 0)
		return ERR_OK;
	return problem_set(problem, ERR_SYSTEM,
	    "libkrb5 cannot be started (error %d): is /etc/krb5.conf readable and well-formed?",
	    (int)code);
}

void kerberos_keytab_name(const struct kerberos_realm *realm, uint32_t version, char name[64])
{
	(void)snprintf(name, 64, "MEMORY:kinkd-%p-%u", (const void *)realm, version);
}

static const char *keytab_path(const struct kerberos_realm *realm, char *buffer, size_t size)
{
	if (realm->keytab_path != NULL)
		return realm->keytab_path;
	if (krb5_kt_default_name(realm->context, buffer, (int)size) != 0)
		return "";
	return strncmp(buffer, "FILE:", 5) == 0 ? buffer + 5 : buffer;
}

/* Copies all entries of the file into a keytab in memory. */
static krb5_error_code load(struct kerberos_realm *realm, const char *path, krb5_keytab to)
{
	krb5_keytab from = NULL;
	krb5_keytab_entry entry;
	krb5_kt_cursor cursor;
	krb5_error_code code = krb5_kt_resolve(realm->context, path, &from);
	krb5_error_code end;

	if (code != 0)
		return code;
	code = krb5_kt_start_seq_get(realm->context, from, &cursor);
	if (code == 0) {
		while ((code = krb5_kt_next_entry(realm->context, from, &entry, &cursor)) == 0) {
			code = krb5_kt_add_entry(realm->context, to, &entry);
			(void)krb5_free_keytab_entry_contents(realm->context, &entry);
			if (code != 0)
				break;
		}
		end = krb5_kt_end_seq_get(realm->context, from, &cursor);
		if (code == KRB5_KT_END)
			code = end;
	}
	(void)krb5_kt_close(realm->context, from);
	return code;
}

enum err kerberos_keytab_refresh(struct kerberos_realm *realm)
{
	char buffer[256];
	char name[64];
	const char *path = keytab_path(realm, buffer, sizeof(buffer));
	krb5_keytab fresh;
	krb5_error_code code;
	struct stat file;

	if (stat(path, &file) == 0 && realm->keytab_version > 0 &&
	    file.st_mtim.tv_sec == realm->keytab_changed.tv_sec &&
	    file.st_mtim.tv_nsec == realm->keytab_changed.tv_nsec)
		return realm->keytab_problem.code;
	kerberos_keytab_name(realm, realm->keytab_version + 1, name);
	code = krb5_kt_resolve(realm->context, name, &fresh);
	if (code == 0) {
		code = load(realm, path, fresh);
		if (code != 0)
			(void)krb5_kt_close(realm->context, fresh);
	}
	if (code != 0) {
		/* An older one in memory serves on: a file may be away while it is replaced. */
		if (realm->keytab_version > 0)
			return ERR_OK;
		return kerberos_problem(
		    realm->context, code, &realm->keytab_problem, "reading our keys", NULL, path);
	}
	if (realm->keytab_version > 0)
		(void)krb5_kt_close(realm->context, realm->keytab);
	realm->keytab = fresh;
	realm->keytab_version++;
	realm->keytab_changed = file.st_mtim;
	realm->keytab_problem = (struct problem){.code = ERR_OK};
	return ERR_OK;
}

static char *copy_text(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

enum err kerberos_realm_create(const struct kerberos_settings *settings, struct log *log,
    struct kerberos_realm **out, struct problem *problem)
{
	struct kerberos_realm *realm = calloc(1, sizeof(*realm));
	enum err error;

	if (realm == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	(void)pthread_mutex_init(&realm->lock, NULL);
	(void)pthread_mutex_init(&realm->ticket_lock, NULL);
	realm->log = log;
	realm->clock_skew = settings->clock_skew;
	realm->keytab_path = copy_text(settings->keytab);
	realm->principal = copy_text(settings->principal);
	(void)snprintf(
	    realm->ccache_name, sizeof(realm->ccache_name), "MEMORY:kinkd-%p", (const void *)realm);
	error = kerberos_context(realm->clock_skew, &realm->context, problem);
	if (error == ERR_OK) {
		error = replay_create(realm->clock_skew, now_us(), REPLAY_MAX, &realm->replay);
		if (error != ERR_OK)
			(void)problem_set(problem, error, "out of memory");
	}
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
	struct kerberos_ticket *ticket;
	struct kerberos_ticket *next;
	krb5_ccache ccache;

	if (realm == NULL)
		return;
	HASH_ITER (by_server, realm->tickets, ticket, next) {
		HASH_DELETE(by_server, realm->tickets, ticket);
		krb5_free_creds(realm->context, ticket->creds);
		free(ticket->server);
		free(ticket);
	}
	if (realm->keytab_version > 0)
		(void)krb5_kt_close(realm->context, realm->keytab);
	if (realm->context != NULL) {
		if (krb5_cc_resolve(realm->context, realm->ccache_name, &ccache) == 0)
			(void)krb5_cc_destroy(realm->context, ccache);
		krb5_free_context(realm->context);
	}
	replay_destroy(realm->replay);
	(void)pthread_mutex_destroy(&realm->lock);
	(void)pthread_mutex_destroy(&realm->ticket_lock);
	free(realm->keytab_path);
	free(realm->principal);
	free(realm);
}

void kerberos_realm_status(struct kerberos_realm *realm, struct kerberos_status *out)
{
	(void)pthread_mutex_lock(&realm->lock);
	*out = realm->status;
	(void)pthread_mutex_unlock(&realm->lock);
}

void kerberos_kdc_names(
    struct kerberos_realm *realm, void (*callback)(void *context, const char *name), void *context)
{
	profile_t profile = NULL;
	char *name = NULL;
	char **values = NULL;

	(void)pthread_mutex_lock(&realm->lock);
	if (krb5_get_profile(realm->context, &profile) == 0 &&
	    krb5_get_default_realm(realm->context, &name) == 0) {
		const char *path[] = {"realms", name, "kdc", NULL};

		if (profile_get_values(profile, path, &values) == 0) {
			for (size_t i = 0; values[i] != NULL; i++)
				callback(context, values[i]);
			profile_free_list(values);
		}
		krb5_free_default_realm(realm->context, name);
	}
	if (profile != NULL)
		profile_release(profile);
	(void)pthread_mutex_unlock(&realm->lock);
}
