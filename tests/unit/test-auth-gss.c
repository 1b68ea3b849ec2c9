/*
 * Authentication with Kerberos inside of IKEv1, over a Kerberos that is made up: what is asked of
 * it, what is hashed, and what must not pass. draft-ietf-ipsec-isakmp-gss-auth.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "wire/ikev1.h"

#define HOST_A "host/a.example.test@EXAMPLE.TEST"
#define HOST_B "host/b.example.test@EXAMPLE.TEST"

static struct phase1 phase1;
static const char *const templates[] = {"host/{fqdn}@EXAMPLE.TEST"};

/* The Kerberos of both ends: tokens with names, and messages that are wrapped by a mark. */
static enum kerberos_operation failing; /* of these */
static bool fails;
static unsigned sessions;
static unsigned long asked[KERBEROS_GSS_UNWRAP + 1];
static uint8_t tokens[2][64];
static uint8_t wrapped[256];
static uint8_t hashed[2][64]; /* what each end wrapped: the initiator's first */
static size_t hashed_len[2];

static struct bytes token_of(bool initiator)
{
	int len = snprintf((char *)tokens[initiator], sizeof(tokens[0]), "%s",
	    initiator ? "`AP-REQ of a for b" : "`AP-REP of b");

	return bytes_of(tokens[initiator], (size_t)len);
}

static void run(struct end *end, const struct kerberos_request *request)
{
	struct kerberos_completion *done = &end->kerberos;
	bool initiator = end->in.initiator;

	*done = (struct kerberos_completion){.operation = request->operation,
	    .token = request->token,
	    .affinity = request->affinity};
	if (fails && failing == request->operation) {
		(void)problem_set(&done->problem, ERR_EXPIRED, "Kerberos says no");
		return;
	}
	switch (request->operation) {
	case KERBEROS_GSS_REQUEST:
		assert_string_equal(request->server, HOST_B);
		assert_string_equal(request->client, HOST_A);
		done->session = 1;
		done->ap = token_of(true);
		break;
	case KERBEROS_GSS_ACCEPT:
		assert_true(bytes_equal(request->ap, token_of(true)));
		assert_int_equal(request->group_count, 0);
		done->session = 2;
		done->ap = token_of(false);
		done->client = HOST_A;
		done->server = HOST_B;
		done->membership = KERBEROS_MEMBERSHIP_NONE;
		break;
	case KERBEROS_GSS_VERIFY:
		assert_true(bytes_equal(request->ap, token_of(false)));
		break;
	case KERBEROS_GSS_WRAP:
		hashed_len[!initiator] = request->plain.len;
		memcpy(hashed[!initiator], request->plain.data, request->plain.len);
		wrapped[0] = initiator;
		memcpy(wrapped + 1, request->plain.data, request->plain.len);
		done->message = bytes_of(wrapped, request->plain.len + 1);
		break;
	case KERBEROS_GSS_UNWRAP:
		if (request->sealed.len < 1 || request->sealed.data[0] != !initiator) {
			(void)problem_set(&done->problem, ERR_AUTH, "not by the context's key");
			break;
		}
		memcpy(wrapped, request->sealed.data, request->sealed.len);
		done->plain = bytes_of(wrapped + 1, request->sealed.len - 1);
		break;
	default:
		fail_msg("operation %d", request->operation);
	}
	sessions += done->session != KERBEROS_SESSION_NONE;
	if (request->session != KERBEROS_SESSION_NONE)
		assert_int_equal(request->session, initiator ? 1 : 2);
}

static enum err kerberos(void *self, const struct kerberos_request *request)
{
	struct end *end = self;

	assert_false(end->asked);
	assert_int_equal(request->token, 77);
	assert_int_equal(request->affinity, 5);
	end->asked = true;
	end->of_kerberos = true;
	asked[request->operation]++;
	run(end, request);
	return ERR_OK;
}

static void release(void *self, uint64_t session, uint32_t affinity)
{
	const struct end *end = self;

	assert_int_equal(session, end->in.initiator ? 1 : 2);
	assert_int_equal(affinity, 5);
	sessions--;
}

static void prepare_end(struct end *end)
{
	end->host.kerberos = kerberos;
	end->host.kerberos_release = release;
	end->in.affinity = 5;
	end->peer.responder_principals = templates;
	end->peer.responder_principal_count = 1;
	end->peer.initiator_principals = templates;
	end->peer.initiator_principal_count = 1;
	end->peer.local_principal = end->in.initiator ? HOST_A : HOST_B;
	end->in.principal = HOST_B;
}

static void begin(void)
{
	fails = false;
	sessions = 0;
	memset(asked, 0, sizeof(asked));
	phase1_init(&phase1, IKE_AUTHENTICATION_GSS, false);
	prepare_end(&phase1.initiator);
	prepare_end(&phase1.responder);
}

static void end(void)
{
	phase1_close(&phase1);
	assert_int_equal(sessions, 0);
}

static void must_authenticate(void)
{
	if (!phase1_run(&phase1))
		fail_msg("%s%s", phase1.initiator.problem.text, phase1.responder.problem.text);
}

static void must_fail(const struct end *who, const char *words)
{
	assert_false(phase1_run(&phase1));
	if (strstr(who->problem.text, words) == NULL)
		fail_msg("\"%s\" is not in: %s", words, who->problem.text);
	end();
}

static void both_ends_are_known_by_principal(void **state)
{
	enum kerberos_membership membership = KERBEROS_MEMBERSHIP_UNKNOWN;

	(void)state;
	begin();
	must_authenticate();
	assert_string_equal(auth_peer_text(phase1.initiator.auth), HOST_B);
	assert_string_equal(auth_peer_text(phase1.responder.auth), HOST_A);
	assert_null(auth_peer_principal(phase1.initiator.auth, &membership));
	assert_string_equal(auth_peer_principal(phase1.responder.auth, &membership), HOST_A);
	assert_int_equal(membership, KERBEROS_MEMBERSHIP_NONE);
	for (int i = KERBEROS_GSS_REQUEST; i <= KERBEROS_GSS_UNWRAP; i++)
		assert_int_equal(asked[i], i < KERBEROS_GSS_WRAP ? 1 : 2);
	end();
}

static size_t add(uint8_t *text, size_t at, struct bytes octets)
{
	memcpy(text + at, octets.data, octets.len);
	return at + octets.len;
}

/* The formulas of the draft, in the words of RFC 2409 5, computed apart. */
static void expect_hash(const struct end *e, bool initiators, struct bytes name)
{
	const struct auth_inputs *in = &e->in;
	struct bytes token = token_of(initiators);
	static const uint8_t ids[2][8] = {{1, 0, 0, 0, 10, 0, 0, 2}, {1, 0, 0, 0, 10, 0, 0, 1}};
	uint8_t key[128];
	uint8_t skeyid[32];
	uint8_t text[1024];
	uint8_t expected[32];
	unsigned len = 0;
	size_t key_len = add(key, add(key, 0, in->nonce_i), in->nonce_r);
	size_t at = add(text, 0, initiators ? in->public_i : in->public_r);

	assert_non_null(
	    HMAC(EVP_sha256(), key, (int)key_len, in->secret.data, in->secret.len, skeyid, &len));
	assert_memory_equal(skeyid, e->skeyid, 32);
	at = add(text, at, initiators ? in->public_r : in->public_i);
	at = add(text, at, initiators ? in->cookie_i : in->cookie_r);
	at = add(text, at, initiators ? in->cookie_r : in->cookie_i);
	at = add(text, at, in->sai_b);
	at = add(text, at, bytes_of(ids[initiators], 8));
	if (name.len > 0)
		at = add(text, at, name);
	at = add(text, at, token);
	assert_non_null(HMAC(EVP_sha256(), skeyid, 32, text, at, expected, &len));
	assert_int_equal(hashed_len[!initiators], 32);
	assert_memory_equal(hashed[!initiators], expected, 32);
}

static void hashes_are_the_drafts(void **state)
{
	static const struct bytes none;
	static const struct bytes names[2] = {
	    {(const uint8_t *)"h\0o\0s\0t\0/\0b\0", 12}, {(const uint8_t *)"A\0$\0", 4}};

	(void)state;
	begin();
	must_authenticate();
	expect_hash(&phase1.responder, true, none);
	expect_hash(&phase1.initiator, false, none);
	end();
	/* With names in the transforms of both. */
	begin();
	phase1.initiator.in.gss_name_i = phase1.responder.in.gss_name_i = names[1];
	phase1.initiator.in.gss_name_r = phase1.responder.in.gss_name_r = names[0];
	must_authenticate();
	expect_hash(&phase1.responder, true, names[1]);
	expect_hash(&phase1.initiator, false, names[0]);
	end();
	/* Which are not those that were sent. */
	begin();
	phase1.initiator.in.gss_name_i = names[1];
	must_fail(&phase1.responder, "does not verify");
}

static void what_kerberos_refuses_fails(void **state)
{
	static const struct {
		enum kerberos_operation operation;
		bool responder;
	} cases[] = {{KERBEROS_GSS_REQUEST, false}, {KERBEROS_GSS_ACCEPT, true},
	    {KERBEROS_GSS_VERIFY, false}, {KERBEROS_GSS_WRAP, false}, {KERBEROS_GSS_UNWRAP, true}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin();
		fails = true;
		failing = cases[i].operation;
		must_fail(
		    cases[i].responder ? &phase1.responder : &phase1.initiator, "Kerberos says no");
	}
}

static unsigned spoiled_message;
static uint8_t spoiled_type;
static size_t spoiled_octet;

static void spoil(struct phase1 *run_of, struct message *message)
{
	size_t len = 0;
	uint8_t *octets;

	(void)run_of;
	if (message->number != spoiled_message)
		return;
	octets = message_payload(message, spoiled_type, &len);
	assert_non_null(octets);
	assert_true(spoiled_octet < len);
	octets[spoiled_octet] ^= 0x01;
}

static void nothing_can_be_changed_on_the_way(void **state)
{
	static const struct {
		unsigned message;
		uint8_t type;
		size_t octets;
	} cases[] = {{3, ISAKMP_KE, 64}, {3, ISAKMP_NONCE, 32}, {4, ISAKMP_KE, 64},
	    {4, ISAKMP_NONCE, 32}, {5, ISAKMP_HASH, 33}, {6, ISAKMP_HASH, 33}, {5, ISAKMP_ID, 8},
	    {6, ISAKMP_ID, 8}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		for (spoiled_octet = 0; spoiled_octet < cases[i].octets; spoiled_octet++) {
			begin();
			spoiled_message = cases[i].message;
			spoiled_type = cases[i].type;
			phase1.tamper = spoil;
			assert_false(phase1_run(&phase1));
			end();
		}
	}
}

/* The octet of draft 06 before the token: who answers uses the form that came. */
static bool with_octet;
static struct bytes answered;
static uint8_t answer[64];

static void look_at_form(struct phase1 *run_of, struct message *message)
{
	size_t len = 0;
	uint8_t *body = message_payload(message, ISAKMP_GSS, &len);

	(void)run_of;
	if (message->number == 3 && with_octet) {
		/* The token is the last payload: its length, and the message's. */
		memmove(body + 1, body, len);
		body[0] = 1;
		body[-1]++;
		message->octets[27]++;
		message->len++;
	} else if (message->number == 4) {
		assert_in_range(len, 1, sizeof(answer));
		memcpy(answer, body, len);
		answered = bytes_of(answer, len);
	}
}

static void token_form_is_the_initiators(void **state)
{
	struct ikev1_gss_token token;

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin();
		with_octet = i == 1;
		phase1.tamper = look_at_form;
		must_authenticate();
		assert_int_equal(ikev1_gss_token_decode(answered, &token), ERR_OK);
		assert_int_equal(token.bare, !with_octet);
		assert_int_equal(token.encoding, with_octet);
		assert_true(bytes_equal(token.token, token_of(false)));
		end();
	}
}

/* A principal counts, but identities that the file names must be right as well. */
static void identities_count_where_the_file_names_them(void **state)
{
	(void)state;
	begin();
	end_set_identity(&phase1.initiator, "somebody.example.test");
	must_authenticate();
	end();
	begin();
	end_set_identity(&phase1.initiator, "somebody.example.test");
	end_expect(&phase1.responder, "a.example.test");
	must_fail(&phase1.responder, "expects a.example.test");
	begin();
	phase1.initiator.peer.responder_principal_count = 0;
	must_fail(&phase1.initiator, "has no principal in the file");
}

static void its_number_needs_a_vendor_id(void **state)
{
	enum ike_authentication found;

	(void)state;
	assert_int_equal(auth_attribute(IKE_AUTHENTICATION_GSS), 65001);
	assert_true(auth_of_attribute(65001, true, &found));
	assert_int_equal(found, IKE_AUTHENTICATION_GSS);
	assert_false(auth_of_attribute(65001, false, &found));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_ends_are_known_by_principal),
	    cmocka_unit_test(hashes_are_the_drafts),
	    cmocka_unit_test(what_kerberos_refuses_fails),
	    cmocka_unit_test(nothing_can_be_changed_on_the_way),
	    cmocka_unit_test(token_form_is_the_initiators),
	    cmocka_unit_test(identities_count_where_the_file_names_them),
	    cmocka_unit_test(its_number_needs_a_vendor_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
