/*
 * The proofs that two strongSwans gave one another, judged by us in the place of each of them: no
 * octet of what is checked here was made by this code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "auth.h"
#include "crypto.h"
#include "crypto/dh.h"
#include "ikev1-vectors.h"

/* A day when the certificates in the captures were valid. */
#define THEN 1796000000

static char authority[] = "test-auth-captures.XXXXXX";

/* One of the two ends, and messages that it got. */
static struct {
	const struct ikev1_vector *vector;
	struct end end;
	struct message messages[6]; /* in clear */
	struct isakmp_chain chains[6];
	uint8_t psk[64];
	uint8_t secret[DH_SECRET_MAX];
} run;

static enum err credentials(void *self, const struct credentials_request *request)
{
	(void)self;
	run.end.asked = true;
	credentials_run(run.end.set, request, &run.end.values, &run.end.done);
	return ERR_OK;
}

static int64_t then(void *self)
{
	(void)self;
	return THEN;
}

/* Puts what was decrypted in the place of what was sent. */
static void read_messages(void)
{
	const struct ikev1_vector *vector = run.vector;
	size_t count = vector->aggressive ? 3 : 6;
	size_t plain = 0;

	for (size_t i = 0; i < count; i++) {
		struct message *message = &run.messages[i];
		struct bytes octets = hex(vector->phase_1[i]);
		struct isakmp_header header;
		enum notify_type notify;
		struct bytes body;

		memcpy(message->octets, octets.data, octets.len);
		assert_int_equal(isakmp_header_decode(bytes_of(message->octets, octets.len),
				     &header, &body, &notify),
		    ERR_OK);
		if ((header.flags & ISAKMP_FLAG_ENCRYPTION) != 0) {
			struct bytes clear = hex(vector->plain[plain++]);

			assert_int_equal(clear.len, body.len);
			memcpy(message->octets + ISAKMP_HEADER_SIZE, clear.data, clear.len);
		}
		assert_int_equal(
		    isakmp_chain_decode(header.next_payload, body, &run.chains[i]), ERR_OK);
	}
}

static struct bytes body_of(size_t message, uint8_t type)
{
	const struct isakmp_payload *payload = isakmp_chain_find(&run.chains[message], type, NULL);

	assert_non_null(payload);
	return payload->body;
}

static void load_authority(void)
{
	/* The set reads them again when the file changes. */
	static const char *const paths[] = {authority};
	struct credentials_settings settings = {0};
	struct bytes der = hex(run.vector->authority);
	FILE *file = fopen(authority, "w");
	struct problem problem;

	assert_non_null(file);
	assert_int_equal(fwrite(der.data, 1, der.len, file), der.len);
	assert_int_equal(fclose(file), 0);
	settings.authorities = paths;
	settings.authority_count = 1;
	if (credentials_load(&settings, &run.end.set, &problem) != ERR_OK)
		fail_msg("%s", problem.text);
}

/* The captures have addresses where there are no certificates, otherwise subjects. */
static void open_end(const struct ikev1_vector *vector, bool initiator)
{
	size_t key_message = vector->aggressive ? 0 : 2;
	struct end *end = &run.end;
	struct bytes secret;

	memset(&run, 0, sizeof(run));
	run.vector = vector;
	read_messages();
	secret = hex(vector->secret);
	memcpy(run.secret, secret.data, secret.len);
	end->host = (struct host){.self = end, .credentials = credentials, .time = then};
	end->peer = (struct policy_peer){.name = "strongswan", .ike = &end->ike};
	end->ike.psk = bytes_of(vector->psk, vector->psk != NULL ? strlen(vector->psk) : 0);
	end->ike.any_remote_identity = vector->psk == NULL;
	end->in = (struct auth_inputs){.host = &end->host,
	    .peer = &end->peer,
	    .initiator = initiator,
	    .aggressive = vector->aggressive,
	    .hash = vector->hash,
	    .cookie_i = bytes_of(run.messages[1].octets, 8),
	    .cookie_r = bytes_of(run.messages[1].octets + 8, 8),
	    .sai_b = body_of(0, ISAKMP_SA),
	    .public_i = body_of(key_message, ISAKMP_KE),
	    .public_r = body_of(key_message + 1, ISAKMP_KE),
	    .nonce_i = body_of(key_message, ISAKMP_NONCE),
	    .nonce_r = body_of(key_message + 1, ISAKMP_NONCE),
	    .secret = bytes_of(run.secret, secret.len)};
	assert_true(auth_of_attribute(vector->method, false, &end->in.authentication));
	assert_int_equal(
	    address_parse(initiator ? "192.0.2.1" : "192.0.2.2", &end->in.local), ERR_OK);
	assert_int_equal(
	    address_parse(initiator ? "192.0.2.2" : "192.0.2.1", &end->in.remote), ERR_OK);
	if (vector->authority != NULL) {
		end->ike.certificate = "not read";
		load_authority();
	}
	if (auth_new(&end->in, &end->auth, &end->problem) != ERR_OK)
		fail_msg("%s", end->problem.text);
}

/* The peer's part of the exchange, and its proof. */
static bool check_peer(void)
{
	struct end *end = &run.end;
	bool initiator = end->in.initiator;
	const struct isakmp_chain *exchange =
	    &run.chains[(run.vector->aggressive ? 0 : 2) + initiator];
	const struct isakmp_chain *proof =
	    &run.chains[run.vector->aggressive ? 2 - initiator : 4 + initiator];
	struct bytes expected = hex(run.vector->skeyid);
	enum auth_result result;
	uint8_t skeyid[64];

	assert_int_equal(auth_read(end->auth, exchange, &end->problem), AUTH_DONE);
	assert_true(bytes_equal(
	    auth_peer_public(end->auth), initiator ? end->in.public_r : end->in.public_i));
	assert_int_equal(auth_skeyid(end->auth, skeyid), ERR_OK);
	assert_memory_equal(skeyid, expected.data, expected.len);
	result = auth_check(end->auth, proof, &end->problem);
	while (result == AUTH_PENDING) {
		assert_true(end->asked);
		end->asked = false;
		result = auth_credentials_done(end->auth, &end->done, &end->problem);
	}
	return result == AUTH_DONE;
}

static void close_end(void)
{
	auth_free(run.end.auth);
	credentials_free(run.end.set);
}

static void strongswan_proves_itself(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ikev1_vectors); i++) {
		for (int initiator = 0; initiator < 2; initiator++) {
			open_end(&ikev1_vectors[i], initiator);
			if (!check_peer())
				fail_msg("%s as %s: %s", ikev1_vectors[i].name,
				    initiator ? "initiator" : "responder", run.end.problem.text);
			if (ikev1_vectors[i].psk != NULL)
				assert_string_equal(auth_peer_text(run.end.auth),
				    initiator ? "192.0.2.2" : "192.0.2.1");
			close_end();
		}
	}
}

/* The same with one bit of the exchange changed: everything that is signed counts. */
static void everything_that_is_hashed_counts(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(ikev1_vectors); i++) {
		for (int what = 0; what < 5; what++) {
			struct bytes *parts[5];
			uint8_t changed[4096];

			open_end(&ikev1_vectors[i], what % 2);
			parts[0] = &run.end.in.sai_b;
			parts[1] = &run.end.in.cookie_i;
			parts[2] = &run.end.in.cookie_r;
			parts[3] = &run.end.in.public_i;
			parts[4] = &run.end.in.public_r;
			memcpy(changed, parts[what]->data, parts[what]->len);
			changed[parts[what]->len - 1] ^= 1;
			/* auth_read()'s comparison has nothing to say about our own value. */
			if ((what == 3 && !run.end.in.initiator) ||
			    (what == 4 && run.end.in.initiator)) {
				close_end();
				continue;
			}
			parts[what]->data = changed;
			assert_false(check_peer());
			assert_int_equal(run.end.problem.code, ERR_AUTH);
			close_end();
		}
	}
}

static int make_file(void **state)
{
	int descriptor = mkstemp(authority);

	(void)state;
	return descriptor >= 0 ? close(descriptor) : -1;
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(authority);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(strongswan_proves_itself),
	    cmocka_unit_test(everything_that_is_hashed_counts),
	};

	return cmocka_run_group_tests(tests, make_file, remove_file);
}
