/*
 * Our own ticket out of a credential cache that others fill: kinit, a login, k5start. It is read
 * again whenever it is needed, so what they renew is found.
 */
#include <stdio.h>
#include <string.h>

#include "kerberos/private.h"

/* The cache of this principal; "" for whoever the configured cache is of. */
static krb5_error_code open_cache(
    const struct kerberos_realm *realm, krb5_context context, const char *name, krb5_ccache *out)
{
	krb5_principal wanted = NULL;
	krb5_principal found = NULL;
	krb5_error_code code = krb5_cc_resolve(context, realm->ccache, out);

	if (code != 0 || name[0] == '\0')
		return code;
	code = krb5_parse_name(context, name, &wanted);
	if (code == 0 && krb5_cc_get_principal(context, *out, &found) == 0 &&
	    krb5_principal_compare(context, wanted, found))
		goto out;
	(void)krb5_cc_close(context, *out);
	*out = NULL;
	/* Kinds such as DIR, KEYRING and KCM hold one for each principal. */
	if (code == 0)
		code = krb5_cc_set_default_name(context, realm->ccache);
	if (code == 0)
		code = krb5_cc_cache_match(context, wanted, out);
out:
	krb5_free_principal(context, found);
	krb5_free_principal(context, wanted);
	return code;
}

/* Names the ticket-granting ticket of a principal's own realm (RFC 4120 7.3). */
static krb5_error_code name_tgt(
    krb5_context context, krb5_const_principal client, krb5_principal *out)
{
	const krb5_data *realm = krb5_princ_realm(context, client);

	return krb5_build_principal_ext(context, out, realm->length, realm->data,
	    (unsigned)strlen(KRB5_TGS_NAME), KRB5_TGS_NAME, realm->length, realm->data, 0);
}

krb5_error_code kerberos_ccache_ticket(
    const struct kerberos_realm *realm, krb5_context context, const char *name, krb5_creds **out)
{
	krb5_ccache cache = NULL;
	krb5_creds wanted = {0};
	krb5_creds found = {0};
	krb5_error_code code = open_cache(realm, context, name, &cache);

	if (code == 0)
		code = krb5_cc_get_principal(context, cache, &wanted.client);
	if (code == 0)
		code = name_tgt(context, wanted.client, &wanted.server);
	if (code == 0)
		code = krb5_cc_retrieve_cred(context, cache, 0, &wanted, &found);
	if (code == 0 && (int64_t)(uint32_t)found.times.endtime <= kerberos_now())
		code = KRB5KRB_AP_ERR_TKT_EXPIRED;
	if (code == 0)
		code = krb5_copy_creds(context, &found, out);
	krb5_free_cred_contents(context, &found);
	krb5_free_principal(context, wanted.client);
	krb5_free_principal(context, wanted.server);
	if (cache != NULL)
		(void)krb5_cc_close(context, cache);
	return code;
}

enum err kerberos_ccache_problem(const struct kerberos_realm *realm, krb5_context context,
    krb5_error_code code, const char *name, struct problem *problem)
{
	const char *text = krb5_get_error_message(context, code);

	(void)problem_set(problem, ERR_UNAVAILABLE,
	    "the credential cache %s has no ticket to start with%s%s: %s; run kinit, or renew what "
	    "keeps it",
	    realm->ccache, name[0] != '\0' ? " as " : "", name,
	    code == KRB5KRB_AP_ERR_TKT_EXPIRED ? "it has ended" : text);
	krb5_free_error_message(context, text);
	return problem->code;
}

void kerberos_ccache_owner(const struct kerberos_realm *realm, char name[KERBEROS_NAME_MAX])
{
	krb5_context context = realm->context;
	krb5_ccache cache = NULL;
	krb5_principal principal = NULL;
	char *text = NULL;

	name[0] = '\0';
	if (krb5_cc_resolve(context, realm->ccache, &cache) == 0 &&
	    krb5_cc_get_principal(context, cache, &principal) == 0 &&
	    krb5_unparse_name(context, principal, &text) == 0)
		(void)snprintf(name, KERBEROS_NAME_MAX, "%s", text);
	krb5_free_unparsed_name(context, text);
	krb5_free_principal(context, principal);
	if (cache != NULL)
		(void)krb5_cc_close(context, cache);
}
