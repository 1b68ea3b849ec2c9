/* Authentication with signatures and certificates: RFC 2409 5.1, RFC 4754, RFC 4945. */
#include <stdio.h>
#include <string.h>

#include "auth.h"
#include "pki.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct phase1 phase1;

/* An end with this certificate of ours, and whom it trusts; either may be NULL. */
static void equip(struct end *end, const char *certificate, const char *authority)
{
	char key[64];

	if (certificate != NULL) {
		(void)snprintf(
		    key, sizeof(key), "%.*s.key", (int)strcspn(certificate, ".-"), certificate);
		end->ike.certificate = pki_path(certificate);
		end->ike.private_key = pki_path(key);
	}
	end->paths[0] = pki_path(authority);
	end->ike.authorities = end->paths;
	end->ike.authority_count = authority != NULL ? 1 : 0;
	end_load(end);
}

static void set_up(enum ike_authentication authentication, bool aggressive, const char *initiator,
    const char *responder)
{
	phase1_init(&phase1, authentication, aggressive);
	phase1.initiator.ike.any_remote_identity = true;
	phase1.responder.ike.any_remote_identity = true;
	equip(&phase1.initiator, initiator, "root.pem");
	equip(&phase1.responder, responder, "root.pem");
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
		fail_msg("\"%s\" is not in: %s", words, end->problem.text);
	assert_int_equal(end->problem.code, error);
	phase1_close(&phase1);
}

static const struct {
	enum ike_authentication authentication;
	uint16_t attribute;
	const char *certificate, *text;
} kinds[] = {
    {IKE_AUTHENTICATION_RSA_SIGNATURE, 3, "a-chain.pem",
	"a.example.test (C=CH, O=Example\\, Ltd., CN=a)"},
    {IKE_AUTHENTICATION_ECDSA_256, 9, "b.pem", "b.example.test (C=CH, O=Example, CN=b)"},
    {IKE_AUTHENTICATION_ECDSA_384, 10, "c.pem", "c.example.test (C=CH, O=Example, CN=c)"},
    {IKE_AUTHENTICATION_ECDSA_521, 11, "d.pem", "d.example.test (C=CH, O=Example, CN=d)"},
};

static void certificates_authenticate(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(kinds); i++) {
		for (int aggressive = 0; aggressive < 2; aggressive++) {
			enum ike_authentication found;

			assert_int_equal(
			    auth_attribute(kinds[i].authentication), kinds[i].attribute);
			assert_true(auth_of_attribute(kinds[i].attribute, false, &found));
			assert_int_equal(found, kinds[i].authentication);
			set_up(kinds[i].authentication, aggressive, kinds[i].certificate,
			    kinds[i].certificate);
			expect_success();
			assert_memory_equal(phase1.initiator.skeyid, phase1.responder.skeyid, 32);
			/* Without an identity in the file the certificate's own is used. */
			assert_string_equal(auth_peer_text(phase1.initiator.auth), kinds[i].text);
			assert_string_equal(auth_peer_text(phase1.responder.auth), kinds[i].text);
			phase1_close(&phase1);
		}
	}
}

static void identities_are_chosen_and_expected(void **state)
{
	static const char *const identities[] = {
	    "192.0.2.1", "2001:db8::1", "a@example.test", "C=CH, O=Example\\, Ltd., CN=a"};

	(void)state;
	for (size_t i = 0; i < COUNT(identities); i++) {
		set_up(IKE_AUTHENTICATION_RSA_SIGNATURE, false, "a-chain.pem", "a-chain.pem");
		end_set_identity(&phase1.responder, identities[i]);
		end_expect(&phase1.initiator, "x.example.test");
		end_expect(&phase1.initiator, identities[i]);
		expect_success();
		phase1_close(&phase1);
	}
	/* What the file says goes out in the octets of the certificate. */
	set_up(IKE_AUTHENTICATION_ECDSA_256, false, "b.pem", "printable.pem");
	end_set_identity(&phase1.responder, "O=Example, CN=printable");
	expect_success();
	assert_string_equal(auth_peer_text(phase1.initiator.auth), "O=Example, CN=printable");
	phase1_close(&phase1);
	/* Whom the certificate is for is not enough: the entry must expect him. */
	set_up(IKE_AUTHENTICATION_RSA_SIGNATURE, false, "a-chain.pem", "a-chain.pem");
	phase1.initiator.ike.any_remote_identity = false;
	end_expect(&phase1.initiator, "b.example.test");
	expect_failure(&phase1.initiator, ERR_AUTH, "expects b.example.test");
	/* Whom the entry expects is not enough: the certificate must be for him. */
	set_up(IKE_AUTHENTICATION_RSA_SIGNATURE, false, "a-chain.pem", "a-chain.pem");
	end_set_identity(&phase1.responder, "b.example.test");
	end_expect(&phase1.initiator, "b.example.test");
	expect_failure(&phase1.initiator, ERR_AUTH, "does not have that identity");
}

static void untrusted_ones_fail(void **state)
{
	(void)state;
	for (int aggressive = 0; aggressive < 2; aggressive++) {
		set_up(IKE_AUTHENTICATION_ECDSA_256, aggressive, "b.pem", "b.pem");
		credentials_free(phase1.responder.set);
		equip(&phase1.responder, "b.pem", "other.pem");
		expect_failure(&phase1.responder, ERR_AUTH, "CN=b cannot be trusted");
	}
	set_up(IKE_AUTHENTICATION_ECDSA_256, false, "b.pem", "tls.pem");
	expect_failure(&phase1.initiator, ERR_AUTH, "is not for IKE");
	set_up(IKE_AUTHENTICATION_ECDSA_256, false, "b.pem", "b.pem");
	phase1.initiator.in.authentication = IKE_AUTHENTICATION_RSA_SIGNATURE;
	expect_failure(&phase1.initiator, ERR_UNSUPPORTED,
	    "the key of our certificate for peer \"responder\" is not one for RSA signatures");
	set_up(IKE_AUTHENTICATION_ECDSA_256, false, NULL, "b.pem");
	expect_failure(&phase1.initiator, ERR_NOT_FOUND,
	    "peer \"responder\" has no certificate of ours in the file (certificate)");
}

/* Payloads of each kind that were seen in each message. */
static unsigned seen[7][256];

static void count_payloads(struct phase1 *run, struct message *message)
{
	struct isakmp_header header;
	struct isakmp_chain chain;
	enum notify_type notify;
	struct bytes body;

	(void)run;
	assert_int_equal(
	    isakmp_header_decode(bytes_of(message->octets, message->len), &header, &body, &notify),
	    ERR_OK);
	assert_int_equal(isakmp_chain_decode(header.next_payload, body, &chain), ERR_OK);
	memset(seen[message->number], 0, sizeof(seen[0]));
	for (size_t i = 0; i < chain.count; i++)
		seen[message->number][chain.payloads[i].type]++;
}

/* RFC 4945 3.2.5, 3.3.5, 3.3.6: where requests and certificates stand, and when not. */
static void certificates_come_when_asked_for(void **state)
{
	(void)state;
	set_up(IKE_AUTHENTICATION_RSA_SIGNATURE, false, "a-chain.pem", "a-chain.pem");
	credentials_free(phase1.initiator.set);
	equip(&phase1.initiator, "a-chain.pem", "authorities");
	phase1.tamper = count_payloads;
	expect_success();
	phase1_close(&phase1);
	assert_int_equal(seen[3][ISAKMP_CERTREQ], 0);
	assert_int_equal(seen[4][ISAKMP_CERTREQ], 1);
	assert_int_equal(seen[5][ISAKMP_CERTREQ], 2);
	assert_int_equal(seen[6][ISAKMP_CERTREQ], 0);
	assert_int_equal(seen[5][ISAKMP_CERT], 2);
	assert_int_equal(seen[6][ISAKMP_CERT], 2);

	/* Each has the other's certificate, trusts nobody else and asks for none. */
	phase1_init(&phase1, IKE_AUTHENTICATION_RSA_SIGNATURE, false);
	end_expect(&phase1.initiator, "self.example.test");
	end_expect(&phase1.responder, "self.example.test");
	phase1.initiator.ike.peer_certificates = pki_path("self.pem");
	phase1.responder.ike.peer_certificates = pki_path("self.pem");
	equip(&phase1.initiator, "self.pem", NULL);
	equip(&phase1.responder, "self.pem", NULL);
	phase1.tamper = count_payloads;
	expect_success();
	phase1_close(&phase1);
	for (size_t i = 3; i <= 6; i++)
		assert_int_equal(seen[i][ISAKMP_CERT] + seen[i][ISAKMP_CERTREQ], 0);
}

static uint8_t spoiled_type;
static unsigned spoiled_message;

static void spoil(struct phase1 *run, struct message *message)
{
	size_t len = 0;
	uint8_t *octets = message_payload(message, spoiled_type, &len);

	(void)run;
	if (message->number != spoiled_message)
		return;
	assert_non_null(octets);
	octets[len - 1] ^= 1;
}

static void changed_messages_fail(void **state)
{
	static const struct {
		uint8_t type;
		unsigned message;
		bool initiator; /* who notices first */
	} cases[] = {
	    {ISAKMP_SIG, 5, false},
	    {ISAKMP_SIG, 6, true},
	    {ISAKMP_KE, 3, false},
	    {ISAKMP_NONCE, 3, false},
	    {ISAKMP_KE, 4, false},
	    {ISAKMP_NONCE, 4, false},
	    {ISAKMP_ID, 5, false},
	    {ISAKMP_ID, 6, true},
	    {ISAKMP_CERT, 5, false},
	    {ISAKMP_CERT, 6, true},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++) {
		set_up(IKE_AUTHENTICATION_ECDSA_256, false, "b.pem", "b.pem");
		phase1.tamper = spoil;
		spoiled_type = cases[i].type;
		spoiled_message = cases[i].message;
		assert_false(phase1_run(&phase1));
		assert_int_equal(phase1.initiator.problem.code != ERR_OK, cases[i].initiator);
		assert_int_equal(phase1.responder.problem.code != ERR_OK, !cases[i].initiator);
		phase1_close(&phase1);
	}
}

/* A key does one signature and one verification for each phase 1, and none for who proves nothing.
 */
static void work_is_bounded(void **state)
{
	(void)state;
	set_up(IKE_AUTHENTICATION_ECDSA_256, false, "b.pem", "b.pem");
	expect_success();
	assert_int_equal(phase1.responder.asked_count[CREDENTIALS_SIGN], 1);
	assert_int_equal(phase1.responder.asked_count[CREDENTIALS_VERIFY], 1);
	phase1_close(&phase1);
	set_up(IKE_AUTHENTICATION_ECDSA_256, false, "b.pem", "b.pem");
	phase1.tamper = spoil;
	spoiled_type = ISAKMP_SIG;
	spoiled_message = 5;
	assert_false(phase1_run(&phase1));
	assert_int_equal(phase1.responder.asked_count[CREDENTIALS_SIGN], 0);
	phase1_close(&phase1);
}

static enum err busy(void *self, const struct credentials_request *request)
{
	(void)self, (void)request;
	return ERR_LIMIT;
}

static void a_busy_host_is_no_success(void **state)
{
	(void)state;
	set_up(IKE_AUTHENTICATION_ECDSA_256, false, "b.pem", "b.pem");
	phase1.initiator.host.credentials = busy;
	expect_failure(&phase1.initiator, ERR_LIMIT, "cannot be begun");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(certificates_authenticate),
	    cmocka_unit_test(identities_are_chosen_and_expected),
	    cmocka_unit_test(untrusted_ones_fail),
	    cmocka_unit_test(certificates_come_when_asked_for),
	    cmocka_unit_test(changed_messages_fail),
	    cmocka_unit_test(work_is_bounded),
	    cmocka_unit_test(a_busy_host_is_no_success),
	};

	return cmocka_run_group_tests(tests, pki_make, pki_remove);
}
