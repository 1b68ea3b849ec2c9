/*
 * User-to-user: tickets for us under the session key of our own ticket-granting ticket instead of a
 * key in a keytab. RFC 4120 2.9.2, 3.7; RFC 4430 3.1, 3.7.1, 4.2.4, 4.2.5.
 */
#include <string.h>

#include "kerberos/private.h"

struct reader kerberos_der_element(struct reader *from, uint8_t tag)
{
	uint8_t found = reader_u8(from);
	size_t length = reader_u8(from);
	struct reader inside;

	if ((length & 0x80) != 0) {
		size_t octets = length & 0x7f;

		length = 0;
		if (octets > 3)
			reader_fail(from);
		for (size_t i = 0; i < octets && reader_ok(from); i++)
			length = length << 8 | reader_u8(from);
	}
	inside = reader_of(reader_take(from, length));
	if (found != tag || !reader_ok(from)) {
		reader_fail(from);
		reader_fail(&inside);
	}
	return inside;
}

bool kerberos_is_user_to_user(struct bytes ap_req, struct bytes *ticket)
{
	struct reader outer = reader_of(ap_req);
	struct reader application = kerberos_der_element(&outer, 0x6e); /* [APPLICATION 14] */
	struct reader sequence = kerberos_der_element(&application, 0x30);
	struct reader element;
	struct reader bits;
	uint8_t first;

	(void)kerberos_der_element(&sequence, 0xa0); /* pvno */
	(void)kerberos_der_element(&sequence, 0xa1); /* msg-type */
	element = kerberos_der_element(&sequence, 0xa2);
	bits = kerberos_der_element(&element, 0x03);
	(void)reader_u8(&bits); /* how many bits are unused */
	first = reader_u8(&bits);
	element = kerberos_der_element(&sequence, 0xa3);
	*ticket = reader_rest(&element);
	return reader_ok(&sequence) && reader_ok(&bits) &&
	       (first & (AP_OPTS_USE_SESSION_KEY >> 24)) != 0;
}

static bool data_is(const krb5_data *data, const char *text, size_t length)
{
	return data->length == length && memcmp(data->data, text, length) == 0;
}

krb5_error_code kerberos_check_tgt(
    krb5_context context, struct bytes octets, krb5_const_principal server)
{
	krb5_data data = kerberos_data(octets);
	const krb5_data *realm = krb5_princ_realm(context, server);
	krb5_ticket *tgt = NULL;
	krb5_error_code code = krb5_decode_ticket(&data, &tgt);

	if (code != 0)
		return code;
	/* krbtgt/REALM@REALM, both the server's. Whose it is, the KDC compares with the server. */
	if (krb5_princ_size(context, tgt->server) != 2 ||
	    !data_is(krb5_princ_component(context, tgt->server, 0), KRB5_TGS_NAME,
		strlen(KRB5_TGS_NAME)) ||
	    !data_is(krb5_princ_component(context, tgt->server, 1), realm->data, realm->length) ||
	    !krb5_realm_compare(context, tgt->server, server))
		code = KRB5KRB_AP_ERR_BADMATCH;
	krb5_free_ticket(context, tgt);
	return code;
}

/* Our own ticket as this principal, if it is good for some seconds yet; under the lock. */
static const krb5_creds *own_tgt(
    struct kerberos_realm *realm, krb5_context context, krb5_const_principal principal)
{
	const struct kerberos_client *client;

	for (client = realm->clients; client != NULL; client = client->by_name.next) {
		if (client->creds != NULL && client->creds->times.endtime > kerberos_now() &&
		    krb5_principal_compare(context, client->creds->client, principal))
			return client->creds;
	}
	return NULL;
}

static struct bytes keep_own_tgt(struct kerberos_worker *worker, krb5_const_principal principal)
{
	struct kerberos_realm *realm = worker->realm;
	struct bytes kept = {0};
	const krb5_creds *creds;

	(void)pthread_mutex_lock(&realm->lock);
	creds = own_tgt(realm, worker->context, principal);
	if (creds != NULL)
		kept = worker_keep(worker, creds->ticket.data, creds->ticket.length);
	(void)pthread_mutex_unlock(&realm->lock);
	return kept;
}

bool kerberos_own_is_due(struct kerberos_realm *realm, const char *name)
{
	const struct kerberos_client *client;
	bool due;

	(void)pthread_mutex_lock(&realm->lock);
	HASH_FIND(by_name, realm->clients, name, strlen(name), client);
	due = client == NULL ||
	      ((client->creds == NULL ||
		   client->creds->times.endtime <= kerberos_now() + OWN_TICKET_MARGIN) &&
		  client->retry_at <= kerberos_now());
	(void)pthread_mutex_unlock(&realm->lock);
	return due;
}

void worker_tgt(struct kerberos_worker *worker, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	krb5_principal principal = NULL;

	if (krb5_parse_name(worker->context, request->server, &principal) == 0)
		completion->tgt = keep_own_tgt(worker, principal);
	krb5_free_principal(worker->context, principal);
	if (completion->tgt.len > 0)
		return;
	(void)problem_set(&completion->problem, ERR_NOT_FOUND,
	    "there is no ticket-granting ticket of %s here", request->server);
	worker_make_error(worker, KRB5KRB_AP_ERR_NOT_US, completion);
}

/* Copies of the keys that a ticket for us may be under, the latest first. */
#define OWN_KEYS_MAX 16

struct own_keys {
	size_t count;
	krb5_keyblock *keys[OWN_KEYS_MAX];
};

static void add_key(struct own_keys *keys, krb5_context context, const krb5_creds *creds)
{
	if (creds != NULL && keys->count < OWN_KEYS_MAX &&
	    krb5_copy_keyblock(context, &creds->keyblock, &keys->keys[keys->count]) == 0)
		keys->count++;
}

static void collect_keys(struct kerberos_worker *worker, struct own_keys *keys)
{
	struct kerberos_realm *realm = worker->realm;
	const struct kerberos_client *client;

	(void)pthread_mutex_lock(&realm->lock);
	for (client = realm->clients; client != NULL; client = client->by_name.next)
		add_key(keys, worker->context, client->creds);
	/* What was renewed may still be in tickets under way. */
	for (client = realm->clients; client != NULL; client = client->by_name.next)
		add_key(keys, worker->context, client->previous);
	(void)pthread_mutex_unlock(&realm->lock);
}

static void free_keys(struct own_keys *keys, krb5_context context)
{
	for (size_t i = 0; i < keys->count; i++)
		krb5_free_keyblock(context, keys->keys[i]);
}

bool worker_has_own_key(struct kerberos_worker *worker,
    bool (*matches)(void *context, const krb5_keyblock *key), void *context)
{
	struct own_keys keys = {0};
	bool found = false;

	collect_keys(worker, &keys);
	for (size_t i = 0; i < keys.count && !found; i++)
		found = matches(context, keys.keys[i]);
	free_keys(&keys, worker->context);
	return found;
}

krb5_error_code worker_read_user_to_user(struct kerberos_worker *worker, krb5_data *ap_req,
    krb5_auth_context *context, krb5_flags *options, krb5_ticket **ticket)
{
	struct own_keys keys = {0};
	krb5_error_code code = KRB5KRB_AP_ERR_NOKEY;

	collect_keys(worker, &keys);
	for (size_t i = 0; i < keys.count; i++) {
		/* libkrb5 uses up the key with the first try. */
		if (*context != NULL)
			(void)krb5_auth_con_free(worker->context, *context);
		*context = NULL;
		code = krb5_auth_con_init(worker->context, context);
		if (code == 0)
			code = krb5_auth_con_setflags(worker->context, *context, 0);
		if (code == 0)
			code =
			    krb5_auth_con_setuseruserkey(worker->context, *context, keys.keys[i]);
		if (code == 0)
			code = krb5_rd_req(
			    worker->context, context, ap_req, NULL, NULL, options, ticket);
		if (code != KRB5KRB_AP_ERR_BAD_INTEGRITY && code != KRB5_BAD_ENCTYPE)
			break;
	}
	free_keys(&keys, worker->context);
	return code;
}

void worker_refuse_user_to_user(struct kerberos_worker *worker, struct bytes ticket_octets,
    krb5_error_code code, struct kerberos_completion *completion)
{
	krb5_data data = kerberos_data(ticket_octets);
	krb5_ticket *ticket = NULL;

	if (code == KRB5KRB_AP_ERR_BAD_INTEGRITY || code == KRB5_BAD_ENCTYPE ||
	    code == KRB5KRB_AP_ERR_NOKEY) {
		if (krb5_decode_ticket(&data, &ticket) == 0)
			completion->tgt = keep_own_tgt(worker, ticket->server);
		krb5_free_ticket(worker->context, ticket);
		(void)problem_set(&completion->problem, ERR_AUTH,
		    "a user-to-user ticket is not under a ticket-granting ticket of ours: %s",
		    completion->tgt.len > 0 ? "it was renewed, or this daemon started anew"
					    : "the principal that it is for is not ours");
		worker_make_error(worker, KRB5KRB_AP_ERR_NOT_US, completion);
		return;
	}
	(void)kerberos_problem(worker->context, code, &completion->problem,
	    "accepting a user-to-user AP-REQ", completion->client, NULL);
	worker_make_error(worker, code, completion);
}
