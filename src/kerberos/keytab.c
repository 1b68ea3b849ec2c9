/* The keytab: a copy in memory that every context can resolve, loaded anew when the file changes.
 */
#include <stdio.h>
#include <string.h>

#include "kerberos/private.h"

void kerberos_keytab_name(const struct kerberos_realm *realm, uint32_t version, char name[64])
{
	(void)snprintf(name, 64, "MEMORY:kinkd-%p-%u", (const void *)realm, version);
}

/* Copies all entries of the file into a keytab in memory. */
static krb5_error_code load(struct kerberos_realm *realm, krb5_keytab to)
{
	krb5_keytab from = NULL;
	krb5_keytab_entry entry;
	krb5_kt_cursor cursor;
	krb5_error_code code = krb5_kt_resolve(realm->context, realm->keytab_path, &from);
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

/* What tells one state of the file from another; all zero when there is none. */
static struct keytab_state state_of(const char *path)
{
	struct keytab_state state;
	struct stat file;

	memset(&state, 0, sizeof(state));
	if (stat(path, &file) == 0) {
		state.device = file.st_dev;
		state.inode = file.st_ino;
		state.size = file.st_size;
		state.written = file.st_mtim;
		state.changed = file.st_ctim;
	}
	return state;
}

/* The path of a keytab in a file; other kinds have no state that can be watched. */
static const char *path_of(const char *name)
{
	if (strncmp(name, "FILE:", 5) == 0)
		return name + 5;
	return strncmp(name, "WRFILE:", 7) == 0 ? name + 7 : name;
}

enum err kerberos_keytab_refresh(struct kerberos_realm *realm)
{
	int64_t now = kerberos_now();
	const char *path = path_of(realm->keytab_path);
	struct keytab_state state;
	krb5_keytab fresh = NULL;
	krb5_error_code code;
	char name[64];

	if (realm->keytab_checked == now)
		return realm->keytab_problem.code;
	realm->keytab_checked = now;
	state = state_of(path);
	if (realm->keytab_version > 0 && memcmp(&state, &realm->keytab_state, sizeof(state)) == 0)
		return ERR_OK;
	kerberos_keytab_name(realm, realm->keytab_version + 1, name);
	code = krb5_kt_resolve(realm->context, name, &fresh);
	if (code == 0)
		code = load(realm, fresh);
	if (code != 0) {
		if (fresh != NULL)
			(void)krb5_kt_close(realm->context, fresh);
		(void)kerberos_problem(
		    realm->context, code, &realm->keytab_problem, "reading the keytab", path, path);
		realm->keytab_problem.code = ERR_UNAVAILABLE;
		if (realm->keytab_version == 0)
			return ERR_UNAVAILABLE;
		/* What was read before serves on: a file may be away while it is replaced. */
		log_event(realm->log, LOG_LEVEL_WARNING, LOG_AREA_KERBEROS, LOG_NO_FIELDS,
		    "the keys read earlier stay in use: %s", realm->keytab_problem.text);
	} else {
		if (realm->keytab_version > 0)
			(void)krb5_kt_close(realm->context, realm->keytab);
		realm->keytab = fresh;
		realm->keytab_version++;
	}
	realm->keytab_state = state;
	realm->keytab_problem = (struct problem){.code = ERR_OK};
	return ERR_OK;
}

/* How much we want to start as this principal: in Active Directory only HOST$ can (RFC 4430 leaves
 * the name open). */
static int preference(const char *name)
{
	const char *at = strrchr(name, '@');

	if (at != NULL && at > name && at[-1] == '$' && strchr(name, '/') == NULL)
		return 4;
	if (strncmp(name, "kink/", 5) == 0)
		return 3;
	return strncmp(name, "host/", 5) == 0 ? 2 : 1;
}

krb5_error_code kerberos_keytab_choose(
    struct kerberos_realm *realm, krb5_context context, krb5_principal *out)
{
	krb5_keytab_entry entry;
	krb5_kt_cursor cursor;
	krb5_error_code code = krb5_kt_start_seq_get(realm->context, realm->keytab, &cursor);
	int best = 0;
	char *name;

	*out = NULL;
	if (code != 0)
		return code;
	while (krb5_kt_next_entry(realm->context, realm->keytab, &entry, &cursor) == 0) {
		if (krb5_unparse_name(realm->context, entry.principal, &name) == 0) {
			if (preference(name) > best) {
				best = preference(name);
				krb5_free_principal(context, *out);
				*out = NULL;
				code = krb5_copy_principal(context, entry.principal, out);
			}
			krb5_free_unparsed_name(realm->context, name);
		}
		(void)krb5_free_keytab_entry_contents(realm->context, &entry);
	}
	(void)krb5_kt_end_seq_get(realm->context, realm->keytab, &cursor);
	return code == 0 && *out == NULL ? KRB5_KT_NOTFOUND : code;
}
