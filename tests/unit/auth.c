/* Two ends of a phase 1. */
#include "auth.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "crypto/identity.h"
#include "wire/ikev1-grammar.h"

static const uint8_t cookies[2][8] = {"cookie_i", "cookie_r"};
static const uint8_t sai_b[] = "the body of the initiator's SA payload";
static const uint8_t secret[32] = "g^xy, which is not what it says";

static enum err credentials(void *self, const struct credentials_request *request)
{
	struct end *end = self;

	assert_false(end->asked);
	end->asked = true;
	end->asked_count[request->operation]++;
	assert_string_equal(request->set, end->peer.name);
	credentials_run(end->set, request, &end->values, &end->done);
	return ERR_OK;
}

static int64_t wall_time(void *self)
{
	(void)self;
	return (int64_t)time(NULL);
}

static void end_init(
    struct phase1 *phase1, struct end *end, bool initiator, enum ike_authentication authentication)
{
	memset(end->public_value, initiator ? 0x11 : 0x22, sizeof(end->public_value));
	memset(end->nonce, initiator ? 0x33 : 0x44, sizeof(end->nonce));
	end->host = (struct host){.self = end, .credentials = credentials, .time = wall_time};
	end->peer =
	    (struct policy_peer){.name = initiator ? "responder" : "initiator", .ike = &end->ike};
	end->ike.psk = bytes_of("a secret of both", 16);
	end->ike.remote_identities = end->expected;
	end->in = (struct auth_inputs){.host = &end->host,
	    .token = 77,
	    .peer = &end->peer,
	    .initiator = initiator,
	    .aggressive = phase1->aggressive,
	    .authentication = authentication,
	    .hash = PRF_HMAC_SHA2_256,
	    .encryption = ENCRYPTION_AES_CBC,
	    .key_bits = 128,
	    .group = DH_ECP_256,
	    .cookie_i = bytes_of(cookies[0], 8),
	    .cookie_r = bytes_of(cookies[1], 8),
	    .sai_b = bytes_of(sai_b, sizeof(sai_b)),
	    .secret = bytes_of(secret, sizeof(secret))};
	assert_int_equal(address_parse(initiator ? "10.0.0.1" : "10.0.0.2", &end->in.local), 0);
	assert_int_equal(address_parse(initiator ? "10.0.0.2" : "10.0.0.1", &end->in.remote), 0);
}

void phase1_init(struct phase1 *phase1, enum ike_authentication authentication, bool aggressive)
{
	memset(phase1, 0, sizeof(*phase1));
	phase1->aggressive = aggressive;
	end_init(phase1, &phase1->initiator, true, authentication);
	end_init(phase1, &phase1->responder, false, authentication);
}

void end_set_identity(struct end *end, const char *text)
{
	struct problem problem;

	assert_int_equal(
	    ike_identity_parse(text, end->identity, &end->ike.local_identity, &problem), ERR_OK);
}

void end_expect(struct end *end, const char *text)
{
	size_t i = end->ike.remote_identity_count++;
	struct problem problem;

	assert_int_equal(
	    ike_identity_parse(text, end->expected_data[i], &end->expected[i], &problem), ERR_OK);
}

void end_load(struct end *end)
{
	struct credentials_settings settings = {.certificate = end->ike.certificate,
	    .private_key = end->ike.private_key,
	    .authorities = end->ike.authorities,
	    .authority_count = end->ike.authority_count,
	    .crls = end->ike.crls,
	    .crl_count = end->ike.crl_count,
	    .crl_policy = end->ike.crl_policy,
	    .peer_certificates = end->ike.peer_certificates};
	struct problem problem;

	if (credentials_load(&settings, &end->set, &problem) != ERR_OK)
		fail_msg("%s", problem.text);
}

bool end_done(struct end *end, enum auth_result result)
{
	while (result == AUTH_PENDING) {
		assert_true(end->asked);
		end->asked = false;
		result = end->of_kerberos
		             ? auth_kerberos_done(end->auth, &end->kerberos, &end->problem)
		             : auth_credentials_done(end->auth, &end->done, &end->problem);
		/* What the completion pointed to is gone, unless the next one came already. */
		if (!end->asked)
			memset(&end->values, 0xee, sizeof(end->values));
	}
	assert_false(end->asked);
	return result == AUTH_DONE;
}

static struct isakmp_writer begin(
    struct message *message, struct writer *out, unsigned number, const struct phase1 *phase1)
{
	struct isakmp_header header = {.major = 1,
	    .exchange = phase1->aggressive ? ISAKMP_EXCHANGE_AGGRESSIVE
	                                   : ISAKMP_EXCHANGE_IDENTITY_PROTECTION};
	struct isakmp_writer chain;

	memcpy(header.initiator_cookie, cookies[0], 8);
	memcpy(header.responder_cookie, cookies[1], 8);
	message->number = number;
	*out = writer_of(message->octets, sizeof(message->octets));
	chain = isakmp_begin(out, &header);
	if (phase1->aggressive && number < 3)
		isakmp_put(&chain, ISAKMP_SA, bytes_of(sai_b, sizeof(sai_b)));
	return chain;
}

/* Over the network, and through the grammar of its mode. */
static void deliver(
    struct phase1 *phase1, struct message *message, struct writer *out, struct isakmp_chain *chain)
{
	struct ikev1_message form = {.number = message->number,
	    .family = auth_family(phase1->initiator.in.authentication),
	    .encrypted = !phase1->aggressive && message->number > 4,
	    .chain = chain};
	struct isakmp_violation violation = {0};
	struct isakmp_header header;
	enum notify_type notify;
	struct bytes body;

	assert_true(writer_ok(out));
	isakmp_end(out);
	message->len = out->len;
	if (phase1->tamper != NULL)
		phase1->tamper(phase1, message);
	assert_int_equal(
	    isakmp_header_decode(bytes_of(message->octets, message->len), &header, &body, &notify),
	    ERR_OK);
	assert_int_equal(isakmp_chain_decode(header.next_payload, body, chain), ERR_OK);
	form.exchange = header.exchange;
	if (ikev1_grammar_check(&form, &violation) != ERR_OK)
		fail_msg("message %u: %s", message->number, violation.rule);
}

bool end_prepare(struct end *end)
{
	if (end->in.initiator) {
		end->in.public_i = bytes_of(end->public_value, sizeof(end->public_value));
		end->in.nonce_i = bytes_of(end->nonce, sizeof(end->nonce));
	} else {
		end->in.public_r = bytes_of(end->public_value, sizeof(end->public_value));
		end->in.nonce_r = bytes_of(end->nonce, sizeof(end->nonce));
	}
	return end_done(end, auth_prepare(end->auth, &end->problem));
}

bool end_read(struct end *end, const struct isakmp_chain *chain)
{
	if (!end_done(end, auth_read(end->auth, chain, &end->problem)))
		return false;
	if (end->in.initiator) {
		end->in.public_r = auth_peer_public(end->auth);
		end->in.nonce_r = auth_peer_nonce(end->auth);
	} else {
		end->in.public_i = auth_peer_public(end->auth);
		end->in.nonce_i = auth_peer_nonce(end->auth);
	}
	return true;
}

static bool main_mode(struct phase1 *phase1)
{
	struct end *i = &phase1->initiator;
	struct end *r = &phase1->responder;
	struct message *message = &phase1->last;
	struct isakmp_writer chain;
	struct isakmp_chain read;
	struct writer out;

	if (!end_prepare(i))
		return false;
	chain = begin(message, &out, 3, phase1);
	auth_put_exchange(i->auth, &chain);
	deliver(phase1, message, &out, &read);
	if (!end_read(r, &read) || !end_prepare(r))
		return false;
	assert_int_equal(auth_skeyid(r->auth, r->skeyid), ERR_OK);
	chain = begin(message, &out, 4, phase1);
	auth_put_exchange(r->auth, &chain);
	deliver(phase1, message, &out, &read);
	if (!end_read(i, &read))
		return false;
	assert_int_equal(auth_skeyid(i->auth, i->skeyid), ERR_OK);
	if (!end_done(i, auth_prove(i->auth, &i->problem)))
		return false;
	chain = begin(message, &out, 5, phase1);
	auth_put_proof(i->auth, &chain);
	deliver(phase1, message, &out, &read);
	if (!end_done(r, auth_check(r->auth, &read, &r->problem)) ||
	    !end_done(r, auth_prove(r->auth, &r->problem)))
		return false;
	chain = begin(message, &out, 6, phase1);
	auth_put_proof(r->auth, &chain);
	deliver(phase1, message, &out, &read);
	return end_done(i, auth_check(i->auth, &read, &i->problem));
}

static bool aggressive_mode(struct phase1 *phase1)
{
	struct end *i = &phase1->initiator;
	struct end *r = &phase1->responder;
	struct message *message = &phase1->last;
	struct isakmp_writer chain;
	struct isakmp_chain read;
	struct writer out;

	if (!end_prepare(i))
		return false;
	chain = begin(message, &out, 1, phase1);
	auth_put_exchange(i->auth, &chain);
	deliver(phase1, message, &out, &read);
	if (!end_read(r, &read) || !end_prepare(r))
		return false;
	assert_int_equal(auth_skeyid(r->auth, r->skeyid), ERR_OK);
	if (!end_done(r, auth_prove(r->auth, &r->problem)))
		return false;
	chain = begin(message, &out, 2, phase1);
	auth_put_exchange(r->auth, &chain);
	auth_put_proof(r->auth, &chain);
	deliver(phase1, message, &out, &read);
	if (!end_read(i, &read))
		return false;
	assert_int_equal(auth_skeyid(i->auth, i->skeyid), ERR_OK);
	if (!end_done(i, auth_check(i->auth, &read, &i->problem)) ||
	    !end_done(i, auth_prove(i->auth, &i->problem)))
		return false;
	chain = begin(message, &out, 3, phase1);
	auth_put_proof(i->auth, &chain);
	deliver(phase1, message, &out, &read);
	return end_done(r, auth_check(r->auth, &read, &r->problem));
}

bool end_open(struct end *end)
{
	return auth_new(&end->in, &end->auth, &end->problem) == ERR_OK &&
	       end_done(end, auth_begin(end->auth, &end->problem));
}

bool phase1_run(struct phase1 *phase1)
{
	return end_open(&phase1->initiator) && end_open(&phase1->responder) &&
	       (phase1->aggressive ? aggressive_mode(phase1) : main_mode(phase1));
}

void phase1_close(struct phase1 *phase1)
{
	struct end *ends[2] = {&phase1->initiator, &phase1->responder};

	for (size_t i = 0; i < 2; i++) {
		auth_free(ends[i]->auth);
		credentials_free(ends[i]->set);
		ends[i]->auth = NULL;
		ends[i]->set = NULL;
	}
}

uint8_t *message_payload(struct message *message, uint8_t type, size_t *len)
{
	struct isakmp_header header;
	struct isakmp_chain chain;
	enum notify_type notify;
	struct bytes body;
	const struct isakmp_payload *payload;

	assert_int_equal(
	    isakmp_header_decode(bytes_of(message->octets, message->len), &header, &body, &notify),
	    ERR_OK);
	assert_int_equal(isakmp_chain_decode(header.next_payload, body, &chain), ERR_OK);
	payload = isakmp_chain_find(&chain, type, NULL);
	if (payload == NULL)
		return NULL;
	*len = payload->body.len;
	return message->octets + (payload->body.data - message->octets);
}
