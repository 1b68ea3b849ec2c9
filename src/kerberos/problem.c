/* libkrb5's errors as kinds and as words that say what to do next. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "kerberos/private.h"

enum err kerberos_err(krb5_error_code code)
{
	switch (code) {
	case 0:
		return ERR_OK;
	case ENOMEM:
		return ERR_NO_MEMORY;
	case KRB5_KDC_UNREACH:
	case KRB5_REALM_CANT_RESOLVE:
	case KRB5_REALM_UNKNOWN:
	case KRB5KDC_ERR_SVC_UNAVAILABLE:
		return ERR_UNAVAILABLE;
	case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN:
	case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
	case KRB5_KT_NOTFOUND:
	case KRB5KRB_AP_ERR_NOT_US:
	case KRB5KRB_AP_WRONG_PRINC:
	case ENOENT:
		return ERR_NOT_FOUND;
	case EACCES:
	case EPERM:
		return ERR_DENIED;
	case KRB5KRB_AP_ERR_SKEW:
		return ERR_SKEW;
	case KRB5KRB_AP_ERR_TKT_EXPIRED:
	case KRB5KRB_AP_ERR_TKT_NYV:
	case KRB5KDC_ERR_NAME_EXP:
	case KRB5KDC_ERR_KEY_EXP:
		return ERR_EXPIRED;
	case KRB5KRB_AP_ERR_REPEAT:
		return ERR_REPLAY;
	case KRB5KRB_AP_ERR_BAD_INTEGRITY:
	case KRB5KRB_AP_ERR_MODIFIED:
	case KRB5KRB_AP_ERR_BADKEYVER:
	case KRB5KRB_AP_ERR_NOKEY:
	case KRB5KRB_AP_ERR_BADMATCH:
	case KRB5KDC_ERR_PREAUTH_FAILED:
	case KRB5_MUTUAL_FAILED:
		return ERR_AUTH;
	case KRB5KRB_AP_ERR_MSG_TYPE:
	case KRB5KRB_AP_ERR_BADVERSION:
		return ERR_INVALID;
	case KRB5_CONFIG_ETYPE_NOSUPP:
	case KRB5KDC_ERR_ETYPE_NOSUPP:
	case KRB5_PROG_ETYPE_NOSUPP:
	case KRB5_PROG_SUMTYPE_NOSUPP:
		return ERR_UNSUPPORTED;
	default:
		return ERR_SYSTEM;
	}
}

/* What the administrator does next; %s of the first kind is the principal, of the second the
 * keytab. */
static void next_step(
    krb5_error_code code, const char *principal, const char *keytab, char *out, size_t size)
{
	const char *name = principal != NULL ? principal : "the principal";
	const char *file = keytab != NULL ? keytab : "the keytab";

	switch (code) {
	case ENOENT:
		(void)snprintf(out, size,
		    "there is no %s: join the realm, or write it with kadmin ktadd", file);
		break;
	case EACCES:
	case EPERM:
		(void)snprintf(out, size, "%s must be readable for the user that runs kinkd", file);
		break;
	case KRB5_KT_NOTFOUND:
		(void)snprintf(out, size,
		    "%s holds no key for %s: compare klist -k with realm.principal", file, name);
		break;
	case KRB5_KDC_UNREACH:
	case KRB5_REALM_CANT_RESOLVE:
		(void)snprintf(out, size,
		    "no KDC answers for it: check the network, DNS and [realms] in krb5.conf");
		break;
	case KRB5_REALM_UNKNOWN:
		(void)snprintf(out, size, "name its KDC under [realms] in krb5.conf, or in DNS");
		break;
	case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN:
		(void)snprintf(out, size,
		    "the KDC knows no %s: create it (kadmin addprinc -randkey; in Active Directory "
		    "setspn), or set the peer's responder_principal",
		    name);
		break;
	case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
		(void)snprintf(out, size,
		    "the KDC knows no %s as a client: set realm.principal to one that can start "
		    "(in Active Directory HOST$@REALM)",
		    name);
		break;
	case KRB5KDC_ERR_PREAUTH_FAILED:
	case KRB5KRB_AP_ERR_BAD_INTEGRITY:
	case KRB5KRB_AP_ERR_MODIFIED:
	case KRB5KRB_AP_ERR_BADKEYVER:
		(void)snprintf(out, size,
		    "%s and the KDC have different keys for %s: write the keytab anew (compare "
		    "klist "
		    "-k with kvno)",
		    file, name);
		break;
	case KRB5KRB_AP_ERR_SKEW:
		(void)snprintf(
		    out, size, "the clocks differ too much: see chronyc tracking on both");
		break;
	default:
		(void)snprintf(out, size, "%s", "");
		break;
	}
}

enum err kerberos_problem(krb5_context context, krb5_error_code code, struct problem *problem,
    const char *tried, const char *principal, const char *keytab)
{
	const char *text = krb5_get_error_message(context, code);
	char step[240];

	next_step(code, principal, keytab, step, sizeof(step));
	(void)problem_set(problem, kerberos_err(code), "%s%s%s: %s%s%s", tried,
	    principal != NULL ? " " : "", principal != NULL ? principal : "", text,
	    step[0] != '\0' ? "; " : "", step);
	krb5_free_error_message(context, text);
	return problem->code;
}

void kerberos_remote_problem(const krb5_error *error, struct problem *problem)
{
	long ahead = (long)kerberos_now() - (long)error->stime;

	switch (error->error) {
	case KRB5KRB_AP_ERR_SKEW - ERROR_TABLE_BASE_krb5:
		(void)problem_set(problem, ERR_REFUSED,
		    "the peer finds our clocks too far apart: ours is %ld s %s its own; see "
		    "chronyc "
		    "tracking on both hosts",
		    ahead < 0 ? -ahead : ahead, ahead < 0 ? "behind" : "ahead of");
		break;
	case KRB5KRB_AP_ERR_MODIFIED - ERROR_TABLE_BASE_krb5:
	case KRB5KRB_AP_ERR_BADKEYVER - ERROR_TABLE_BASE_krb5:
		(void)problem_set(problem, ERR_REFUSED,
		    "the peer cannot decrypt our ticket: its keytab is older than the KDC's key; "
		    "write it anew there (kadmin ktadd, net ads keytab)");
		break;
	case KRB5KRB_AP_ERR_NOT_US - ERROR_TABLE_BASE_krb5:
	case KRB5KRB_AP_ERR_NOKEY - ERROR_TABLE_BASE_krb5:
		(void)problem_set(problem, ERR_REFUSED,
		    "the peer's keytab has no key for the principal that we asked for: see klist "
		    "-k "
		    "there, or set its responder_principal here");
		break;
	case KRB5KRB_AP_ERR_TKT_EXPIRED - ERROR_TABLE_BASE_krb5:
		(void)problem_set(problem, ERR_REFUSED, "the peer finds our ticket expired");
		break;
	case KRB5KRB_AP_ERR_REPEAT - ERROR_TABLE_BASE_krb5:
		(void)problem_set(problem, ERR_REFUSED,
		    "the peer takes our message for a replay; right after its start that means "
		    "that "
		    "our clock is behind its own");
		break;
	default:
		(void)problem_set(problem, ERR_REFUSED, "the peer reports Kerberos error %d: %s",
		    (int)error->error,
		    error_message((errcode_t)error->error + ERROR_TABLE_BASE_krb5));
		break;
	}
}
