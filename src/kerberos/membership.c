/*
 * Whether the client of a ticket belongs to a group, as the PAC in it tells: MS-PAC, MS-KILE 3.4.5.
 * The KDC signs the PAC with the key of the ticket's server, which libkrb5 leaves to us to check.
 */
#include <string.h>

#include "kerberos/pac.h"
#include "kerberos/private.h"

struct pac {
	struct kerberos_worker *worker;
	const krb5_ticket *ticket;
	krb5_pac pac;
};

static bool is_signed(void *context, const krb5_keyblock *key)
{
	const struct pac *self = context;
	const krb5_enc_tkt_part *part = self->ticket->enc_part2;

	return krb5_pac_verify(self->worker->context, self->pac, part->times.authtime, part->client,
		   key, NULL) == 0;
}

/* With one of the keytab's keys: which of them the ticket is under libkrb5 does not tell. */
static bool is_signed_by_keytab(struct pac *self)
{
	krb5_context context = self->worker->context;
	krb5_keytab_entry entry;
	krb5_kt_cursor cursor;
	bool good = false;

	if (krb5_kt_start_seq_get(context, self->worker->keytab, &cursor) != 0)
		return false;
	while (!good && krb5_kt_next_entry(context, self->worker->keytab, &entry, &cursor) == 0) {
		good = entry.key.enctype == self->ticket->enc_part.enctype &&
		       is_signed(self, &entry.key);
		(void)krb5_free_keytab_entry_contents(context, &entry);
	}
	(void)krb5_kt_end_seq_get(context, self->worker->keytab, &cursor);
	return good;
}

static enum kerberos_membership look(
    struct pac *self, bool user_to_user, const struct kerberos_request *request)
{
	krb5_context context = self->worker->context;
	krb5_data logon_info = {0};
	enum err found;

	if (!(user_to_user ? worker_has_own_key(self->worker, is_signed, self)
			   : is_signed_by_keytab(self)))
		return KERBEROS_MEMBERSHIP_FORGED;
	/* MIT's own PACs have none. */
	if (krb5_pac_get_buffer(context, self->pac, KRB5_PAC_LOGON_INFO, &logon_info) != 0)
		return KERBEROS_MEMBERSHIP_UNKNOWN;
	found = pac_find_member(
	    bytes_of(logon_info.data, logon_info.length), request->groups, request->group_count);
	krb5_free_data_contents(context, &logon_info);
	return found == ERR_OK          ? KERBEROS_MEMBERSHIP_MEMBER
	       : found == ERR_NOT_FOUND ? KERBEROS_MEMBERSHIP_NONE
	                                : KERBEROS_MEMBERSHIP_UNKNOWN;
}

enum kerberos_membership worker_membership(struct kerberos_worker *worker,
    const krb5_ticket *ticket, bool user_to_user, const struct kerberos_request *request)
{
	krb5_context context = worker->context;
	struct pac pac = {.worker = worker, .ticket = ticket};
	krb5_authdata **found = NULL;
	enum kerberos_membership membership = KERBEROS_MEMBERSHIP_UNKNOWN;

	if (request->group_count == 0)
		return membership;
	if (krb5_find_authdata(context, ticket->enc_part2->authorization_data, NULL,
		KRB5_AUTHDATA_WIN2K_PAC, &found) == 0 &&
	    found != NULL && found[0] != NULL &&
	    krb5_pac_parse(context, found[0]->contents, found[0]->length, &pac.pac) == 0)
		membership = look(&pac, user_to_user, request);
	krb5_pac_free(context, pac.pac);
	krb5_free_authdata(context, found);
	return membership;
}
