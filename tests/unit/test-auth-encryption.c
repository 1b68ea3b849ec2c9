/*
 * Authentication with public-key encryption, in both forms (RFC 2409 5.2, 5.3), and what a stranger
 * must not learn from it.
 */
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "pki.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct phase1 phase1;

static const enum ike_authentication forms[] = {
    IKE_AUTHENTICATION_ENCRYPTION, IKE_AUTHENTICATION_REVISED_ENCRYPTION};

/* The initiator is self.example.test, the responder a.example.test; each has the other's. */
static void set_up(enum ike_authentication authentication, bool aggressive)
{
	phase1_init(&phase1, authentication, aggressive);
	phase1.initiator.ike.certificate = pki_path("self.pem");
	phase1.initiator.ike.private_key = pki_path("self.key");
	phase1.initiator.ike.peer_certificates = pki_path("a.pem");
	phase1.responder.ike.certificate = pki_path("a.pem");
	phase1.responder.ike.private_key = pki_path("a.key");
	phase1.responder.ike.peer_certificates = pki_path("self.pem");
	end_expect(&phase1.initiator, "a.example.test");
	end_expect(&phase1.responder, "self.example.test");
}

static void load_both(void)
{
	end_load(&phase1.initiator);
	end_load(&phase1.responder);
}

static void expect_success(void)
{
	if (!phase1_run(&phase1))
		fail_msg("%s%s", phase1.initiator.problem.text, phase1.responder.problem.text);
}

static void expect_failure(struct end *end, enum err error, const char *words)
{
	assert_false(phase1_run(&phase1));
	if (strstr(end->problem.text, words) == NULL)
		fail_msg("\"%s\" is not in: %s (%s%s)", words, end->problem.text,
		    phase1.initiator.problem.text, phase1.responder.problem.text);
	assert_int_equal(end->problem.code, error);
	phase1_close(&phase1);
}

static void both_forms_authenticate(void **state)
{
	static const struct {
		enum encryption encryption;
		uint16_t bits;
		enum prf_hash hash;
	} suites[] = {
	    {ENCRYPTION_AES_CBC, 128, PRF_HMAC_SHA2_256},
	    /* A key that is longer than the prf's output is fed back. */
	    {ENCRYPTION_AES_CBC, 256, PRF_HMAC_SHA1},
	    {ENCRYPTION_3DES_CBC, 0, PRF_HMAC_SHA1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(forms) * COUNT(suites) * 2; i++) {
		size_t suite = i / 2 % COUNT(suites);

		set_up(forms[i / 2 / COUNT(suites)], i % 2);
		phase1.initiator.in.encryption = phase1.responder.in.encryption =
		    suites[suite].encryption;
		phase1.initiator.in.key_bits = phase1.responder.in.key_bits = suites[suite].bits;
		phase1.initiator.in.hash = phase1.responder.in.hash = suites[suite].hash;
		load_both();
		expect_success();
		assert_memory_equal(phase1.initiator.skeyid, phase1.responder.skeyid, 20);
		assert_string_equal(auth_peer_text(phase1.initiator.auth),
		    "a.example.test (C=CH, O=Example\\, Ltd., CN=a)");
		assert_string_equal(
		    auth_peer_text(phase1.responder.auth), "self.example.test (CN=self)");
		phase1_close(&phase1);
	}
}

/* What would tell who talks, or what the keys are made from, is not to be read on the way. */
static void look(struct phase1 *run, struct message *message)
{
	bool revised = run->initiator.in.authentication == IKE_AUTHENTICATION_REVISED_ENCRYPTION;

	assert_null(memmem(message->octets, message->len, "example.test", 12));
	assert_null(memmem(message->octets, message->len, run->initiator.nonce, 32));
	assert_null(memmem(message->octets, message->len, run->responder.nonce, 32));
	if (revised) {
		assert_null(memmem(message->octets, message->len, run->initiator.public_value, 16));
		assert_null(memmem(message->octets, message->len, run->responder.public_value, 16));
	}
}

static void identities_do_not_show(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forms) * 2; i++) {
		set_up(forms[i / 2], i % 2);
		phase1.tamper = look;
		load_both();
		expect_success();
		phase1_close(&phase1);
	}
}

static uint8_t spoiled_type;
static unsigned spoiled_message;
static size_t padding_before;

static void spoil(struct phase1 *run, struct message *message)
{
	size_t len = 0;
	uint8_t *octets = message_payload(message, spoiled_type, &len);

	(void)run;
	if (message->number != spoiled_message)
		return;
	assert_non_null(octets);
	octets[len / 2] ^= 1;
}

/*
 * A stranger's spoiled ciphertext is answered by the same message, after the same work, as a good
 * one; and who sent it then fails where everybody fails who cannot prove himself: at the hash.
 */
static void spoiled_ciphertexts_are_answered(void **state)
{
	static const uint8_t types[] = {ISAKMP_NONCE, ISAKMP_ID, ISAKMP_KE};

	(void)state;
	for (size_t i = 0; i < COUNT(forms) * COUNT(types); i++) {
		set_up(forms[i / COUNT(types)], false);
		phase1.tamper = spoil;
		spoiled_type = types[i % COUNT(types)];
		spoiled_message = 3;
		load_both();
		assert_false(phase1_run(&phase1));
		/* The initiator had an answer, and the responder no complaint before message 5. */
		assert_true(phase1.last.number >= 4);
		assert_int_equal(phase1.responder.asked_count[CREDENTIALS_DECRYPT], 1);
		assert_true(phase1.responder.asked_count[CREDENTIALS_ENCRYPT] >= 1);
		if (phase1.responder.problem.code != ERR_OK)
			assert_non_null(strstr(
			    phase1.responder.problem.text, "the peer's hash does not verify"));
		phase1_close(&phase1);
	}
}

static void a_spoiled_answer_fails(void **state)
{
	static const uint8_t types[] = {ISAKMP_NONCE, ISAKMP_ID, ISAKMP_KE};

	(void)state;
	for (size_t i = 0; i < COUNT(forms) * COUNT(types); i++) {
		set_up(forms[i / COUNT(types)], false);
		phase1.tamper = spoil;
		spoiled_type = types[i % COUNT(types)];
		spoiled_message = 4;
		load_both();
		assert_false(phase1_run(&phase1));
		assert_non_null(
		    strstr(phase1.responder.problem.text[0] != '\0' ? phase1.responder.problem.text
								    : phase1.initiator.problem.text,
			"the peer's hash does not verify"));
		phase1_close(&phase1);
	}
}

/* In CBC a change of one block changes the same octet of the next: here what counts the padding. */
static void claim_padding_alone(struct phase1 *run, struct message *message)
{
	size_t len = 0;
	uint8_t *octets = message_payload(message, ISAKMP_ID, &len);

	(void)run;
	if (message->number != spoiled_message)
		return;
	assert_non_null(octets);
	assert_int_equal(len, 32);
	octets[15] ^= (uint8_t)(padding_before ^ (len - 1));
}

/* An identity of which the padding leaves nothing is no more to be told of than a wrong one. */
static void an_empty_identity_is_a_wrong_one(void **state)
{
	(void)state;
	for (unsigned message = 3; message <= 4; message++) {
		set_up(IKE_AUTHENTICATION_REVISED_ENCRYPTION, false);
		phase1.tamper = claim_padding_alone;
		spoiled_message = message;
		padding_before = message == 3 ? 31 - strlen("0000self.example.test")
		                              : 31 - strlen("0000a.example.test");
		load_both();
		assert_false(phase1_run(&phase1));
		assert_true(phase1.last.number >= 4);
		assert_null(strstr(phase1.initiator.problem.text, "a message without"));
		assert_null(strstr(phase1.responder.problem.text, "a message without"));
		phase1_close(&phase1);
	}
}

/* Who does not have the key of the certificate that was encrypted to proves nothing. */
static void impostors_fail(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		set_up(forms[i], false);
		phase1.responder.ike.certificate = pki_path("self.pem");
		phase1.responder.ike.private_key = pki_path("self.key");
		end_set_identity(&phase1.responder, "a.example.test");
		load_both();
		expect_failure(&phase1.responder, ERR_AUTH,
		    "the peer encrypts to another certificate than ours");
		/* An initiator that claims to be somebody whom the responder knows. */
		set_up(forms[i], false);
		phase1.initiator.ike.certificate = pki_path("encipher.pem");
		phase1.initiator.ike.private_key = pki_path("encipher.key");
		end_set_identity(&phase1.initiator, "self.example.test");
		load_both();
		assert_false(phase1_run(&phase1));
		assert_non_null(
		    strstr(phase1.responder.problem.text, "the peer's hash does not verify"));
		phase1_close(&phase1);
		/* And one that has a key which the responder does not know. */
		set_up(forms[i], false);
		phase1.initiator.ike.certificate = pki_path("encipher.pem");
		phase1.initiator.ike.private_key = pki_path("encipher.key");
		phase1.responder.ike.any_remote_identity = true;
		load_both();
		assert_false(phase1_run(&phase1));
		assert_int_equal(phase1.responder.problem.code, ERR_AUTH);
		phase1_close(&phase1);
	}
}

/* The certificate's owner, but not by the name that he claims. */
static void names_are_those_of_the_certificate(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(forms); i++) {
		set_up(forms[i], false);
		end_set_identity(&phase1.initiator, "somebody.example.test");
		phase1.responder.ike.any_remote_identity = true;
		load_both();
		expect_failure(&phase1.responder, ERR_AUTH,
		    "the peer claims to be somebody.example.test, and decrypted what was encrypted "
		    "to another");
	}
}

/* The revised form brings the initiator's certificate, which an authority vouches for. */
static void certificates_may_come_with_it(void **state)
{
	(void)state;
	set_up(IKE_AUTHENTICATION_REVISED_ENCRYPTION, false);
	phase1.initiator.ike.certificate = pki_path("encipher.pem");
	phase1.initiator.ike.private_key = pki_path("encipher.key");
	phase1.responder.ike.peer_certificates = NULL;
	phase1.responder.paths[0] = pki_path("root.pem");
	phase1.responder.ike.authorities = phase1.responder.paths;
	phase1.responder.ike.authority_count = 1;
	end_expect(&phase1.responder, "encipher.example.test");
	load_both();
	expect_success();
	assert_string_equal(
	    auth_peer_text(phase1.responder.auth), "encipher.example.test (CN=encipher)");
	phase1_close(&phase1);
}

static void numbers_are_those_of_the_registry(void **state)
{
	(void)state;
	assert_int_equal(auth_attribute(IKE_AUTHENTICATION_ENCRYPTION), 4);
	assert_int_equal(auth_attribute(IKE_AUTHENTICATION_REVISED_ENCRYPTION), 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_forms_authenticate),
	    cmocka_unit_test(identities_do_not_show),
	    cmocka_unit_test(spoiled_ciphertexts_are_answered),
	    cmocka_unit_test(a_spoiled_answer_fails),
	    cmocka_unit_test(an_empty_identity_is_a_wrong_one),
	    cmocka_unit_test(impostors_fail),
	    cmocka_unit_test(names_are_those_of_the_certificate),
	    cmocka_unit_test(certificates_may_come_with_it),
	    cmocka_unit_test(numbers_are_those_of_the_registry),
	};

	return cmocka_run_group_tests(tests, pki_make, pki_remove);
}
