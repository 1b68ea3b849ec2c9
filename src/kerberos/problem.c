/* libkrb5's errors as kinds and as words that say what to do next. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kerberos/private.h"

bool kerberos_is_kdc_answer(krb5_error_code code)
{
	return code == 0 || (code >= ERROR_TABLE_BASE_krb5 && code < ERROR_TABLE_BASE_krb5 + 128);
}

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
		return ERR_UNREACHABLE;
	case KRB5KDC_ERR_SVC_UNAVAILABLE:
	case KRB5KDC_ERR_PREAUTH_FAILED:
	case KRB5KDC_ERR_CLIENT_REVOKED:
	case KRB5KDC_ERR_ETYPE_NOSUPP:
	case KRB5KDC_ERR_POLICY:
		return ERR_UNAVAILABLE;
	case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN:
	case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
	case KRB5_KT_NOTFOUND:
	case KRB5_KT_KVNONOTFOUND:
	case KRB5KRB_AP_ERR_NOT_US:
	case KRB5KRB_AP_ERR_NOKEY:
	case KRB5KRB_AP_WRONG_PRINC:
		return ERR_NOT_FOUND;
	case KRB5KRB_AP_ERR_SKEW:
	case KRB5_KDCREP_SKEW:
	case KRB5KDC_ERR_NEVER_VALID:
		return ERR_SKEW;
	case KRB5KRB_AP_ERR_TKT_EXPIRED:
	case KRB5KRB_AP_ERR_TKT_NYV:
	case KRB5KDC_ERR_NAME_EXP:
	case KRB5KDC_ERR_SERVICE_EXP:
	case KRB5KDC_ERR_KEY_EXP:
		return ERR_EXPIRED;
	case KRB5KRB_AP_ERR_REPEAT:
		return ERR_REPLAY;
	case KRB5KDC_ERR_MUST_USE_USER2USER:
		return ERR_DENIED;
	case KRB5KRB_AP_ERR_BAD_INTEGRITY:
	case KRB5KRB_AP_ERR_MODIFIED:
	case KRB5KRB_AP_ERR_BADKEYVER:
	case KRB5KRB_AP_ERR_BADMATCH:
	case KRB5KDC_ERR_SERVER_NOMATCH:
	case KRB5KRB_AP_ERR_METHOD:
		return ERR_AUTH;
	case KRB5_CONFIG_ETYPE_NOSUPP:
	case KRB5_NOPERM_ETYPE:
	case KRB5_PROG_ETYPE_NOSUPP:
	case KRB5_PROG_SUMTYPE_NOSUPP:
		return ERR_UNSUPPORTED;
	case KRB5KRB_AP_ERR_MSG_TYPE:
	case KRB5KRB_AP_ERR_BADVERSION:
	case KRB5_PARSE_MALFORMED:
		return ERR_INVALID;
	default:
		return code >= ASN1_BAD_TIMEFORMAT && code <= ASN1_OMITTED ? ERR_INVALID
		                                                           : ERR_SYSTEM;
	}
}

/* What the administrator does next; "" where libkrb5's words must do. */
static void next_step(
    krb5_error_code code, const char *name, const char *keytab, char *out, size_t size)
{
	switch (code) {
	case ENOENT:
		(void)snprintf(out, size,
		    "join the realm, or write it with kadmin: ktadd -k %s kink/HOST", keytab);
		break;
	case EACCES:
	case EPERM:
		(void)snprintf(out, size,
		    "%s must be readable for the user that runs kinkd, and only for it", keytab);
		break;
	case KRB5_KEYTAB_BADVNO:
		(void)snprintf(out, size, "%s is no keytab: write it anew (kadmin ktadd)", keytab);
		break;
	case KRB5_KT_NOTFOUND:
	case KRB5KRB_AP_ERR_NOKEY:
	case KRB5KRB_AP_ERR_NOT_US:
	case KRB5KRB_AP_WRONG_PRINC:
		(void)snprintf(out, size,
		    "%s has no key for it: compare klist -k %s with what is asked for", keytab,
		    keytab);
		break;
	case KRB5_KDC_UNREACH:
	case KRB5_REALM_CANT_RESOLVE:
	case KRB5KDC_ERR_SVC_UNAVAILABLE:
		(void)snprintf(
		    out, size, "check the network, DNS, and kdc under [realms] in krb5.conf");
		break;
	case KRB5_REALM_UNKNOWN:
		(void)snprintf(out, size, "name its KDC under [realms] in krb5.conf, or in DNS");
		break;
	case KRB5KDC_ERR_S_PRINCIPAL_UNKNOWN:
		(void)snprintf(out, size,
		    "the KDC knows no %s: create it (kadmin addprinc -randkey; in Active Directory "
		    "setspn -S), or set the peer's responder_principal",
		    name);
		break;
	case KRB5KDC_ERR_C_PRINCIPAL_UNKNOWN:
		(void)snprintf(out, size,
		    "the KDC knows no %s that can start: create it, or set realm.principal (in "
		    "Active Directory HOST$@REALM)",
		    name);
		break;
	case KRB5KDC_ERR_PREAUTH_FAILED:
	case KRB5KRB_AP_ERR_BAD_INTEGRITY:
	case KRB5KRB_AP_ERR_MODIFIED:
	case KRB5KRB_AP_ERR_BADKEYVER:
	case KRB5_KT_KVNONOTFOUND:
		(void)snprintf(out, size,
		    "%s and the KDC hold different keys: compare klist -kK with kvno, then write "
		    "it anew (kadmin ktadd, net ads keytab create)",
		    keytab);
		break;
	case KRB5KDC_ERR_CLIENT_REVOKED:
	case KRB5KDC_ERR_NAME_EXP:
	case KRB5KDC_ERR_KEY_EXP:
		(void)snprintf(
		    out, size, "the account %s is locked or expired: see kadmin getprinc", name);
		break;
	case KRB5KDC_ERR_ETYPE_NOSUPP:
	case KRB5_CONFIG_ETYPE_NOSUPP:
	case KRB5_NOPERM_ETYPE:
	case KRB5_PROG_ETYPE_NOSUPP:
		(void)snprintf(out, size, "give %s aes keys", name);
		break;
	case KRB5KRB_AP_ERR_SKEW:
	case KRB5_KDCREP_SKEW:
	case KRB5KDC_ERR_NEVER_VALID:
	case KRB5KRB_AP_ERR_TKT_NYV:
		(void)snprintf(out, size,
		    "this host's clock and the KDC's differ too much: see chronyc tracking");
		break;
	case KRB5KDC_ERR_MUST_USE_USER2USER:
		(void)snprintf(out, size, "%s is to be reached by user-to-user alone", name);
		break;
	case KRB5KDC_ERR_SERVER_NOMATCH:
	case KRB5KRB_AP_ERR_BADMATCH:
		(void)snprintf(out, size, "the peer's ticket is not one of %s", name);
		break;
	case KRB5KRB_AP_ERR_METHOD:
		(void)snprintf(out, size, "it must ask for mutual authentication");
		break;
	default:
		out[0] = '\0';
		break;
	}
}

enum err kerberos_problem(krb5_context context, krb5_error_code code, struct problem *problem,
    const char *tried, const char *principal, const char *keytab)
{
	const char *text = krb5_get_error_message(context, code);
	char step[256];

	next_step(code, principal != NULL ? principal : "the principal",
	    keytab != NULL ? keytab : "the keytab", step, sizeof(step));
	(void)problem_set(problem, kerberos_err(code), "%s%s%s: %s%s%s", tried,
	    principal != NULL ? " " : "", principal != NULL ? principal : "", text,
	    step[0] != '\0' ? "; " : "", step);
	krb5_free_error_message(context, text);
	return problem->code;
}

enum kerberos_remedy kerberos_remedy(uint32_t error)
{
	switch ((krb5_error_code)error + ERROR_TABLE_BASE_krb5) {
	case KRB5KRB_AP_ERR_SKEW:
		return KERBEROS_REMEDY_REPEAT;
	case KRB5KRB_AP_ERR_USER_TO_USER_REQUIRED:
		return KERBEROS_REMEDY_USER_TO_USER;
	case KRB5KRB_AP_ERR_REPEAT:
		/* The network repeats, and so may anyone. */
		return KERBEROS_REMEDY_WAIT;
	case KRB5KRB_AP_ERR_BAD_INTEGRITY:
	case KRB5KRB_AP_ERR_TKT_EXPIRED:
	case KRB5KRB_AP_ERR_TKT_NYV:
	case KRB5KRB_AP_ERR_MODIFIED:
	case KRB5KRB_AP_ERR_BADKEYVER:
	case KRB5KRB_AP_ERR_NOT_US:
	case KRB5KRB_AP_ERR_NOKEY:
		return KERBEROS_REMEDY_TICKET;
	default:
		return KERBEROS_REMEDY_NONE;
	}
}

void kerberos_remote_problem(const krb5_error *error, struct problem *problem)
{
	long long ahead = kerberos_now() - (int64_t)(uint32_t)error->stime;

	switch ((krb5_error_code)error->error + ERROR_TABLE_BASE_krb5) {
	case KRB5KRB_AP_ERR_SKEW:
		(void)problem_set(problem, ERR_REFUSED,
		    "the peer finds our clocks too far apart: ours is %lld s %s its own; see "
		    "chronyc tracking on both hosts",
		    llabs(ahead), ahead < 0 ? "behind" : "ahead of");
		break;
	case KRB5KRB_AP_ERR_BAD_INTEGRITY:
	case KRB5KRB_AP_ERR_MODIFIED:
	case KRB5KRB_AP_ERR_BADKEYVER:
		(void)problem_set(problem, ERR_REFUSED,
		    "the peer cannot decrypt our ticket: its keytab and the KDC hold different "
		    "keys; write it anew there (kadmin ktadd, net ads keytab create)");
		break;
	case KRB5KRB_AP_ERR_NOT_US:
	case KRB5KRB_AP_ERR_NOKEY:
		(void)problem_set(problem, ERR_REFUSED,
		    "the peer's keytab has no key for the principal that we asked for: see klist "
		    "-k there, or set its responder_principal here");
		break;
	case KRB5KRB_AP_ERR_TKT_EXPIRED:
	case KRB5KRB_AP_ERR_TKT_NYV:
		(void)problem_set(problem, ERR_REFUSED,
		    "the peer finds our ticket %s: the next try takes a new one; see chronyc "
		    "tracking on both hosts if that does not help",
		    error->error == KRB5KRB_AP_ERR_TKT_NYV - ERROR_TABLE_BASE_krb5 ? "not yet valid"
										   : "expired");
		break;
	case KRB5KRB_AP_ERR_USER_TO_USER_REQUIRED:
		(void)problem_set(problem, ERR_REFUSED,
		    "the peer has no key of its own and asks for user-to-user");
		break;
	case KRB5KRB_AP_ERR_REPEAT:
		(void)problem_set(problem, ERR_REFUSED,
		    "the peer takes our message for a replay; right after its start that means "
		    "that our clock is behind its own: see chronyc tracking on both hosts");
		break;
	default:
		(void)problem_set(problem, ERR_REFUSED, "the peer reports Kerberos error %u: %s",
		    error->error,
		    error->error < 128
			? error_message((errcode_t)error->error + ERROR_TABLE_BASE_krb5)
			: "unknown");
		break;
	}
}
