/*
 * Both ends of authentication with public-key encryption (RFC 2409 5.2, 5.3) against known answers:
 * what the peer encrypted and hashed was made from the RFC's text, not by this code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "auth.h"
#include "crypto.h"
#include "encryption-vectors.h"

/* A day when the certificates are valid. */
#define THEN 1900000000

static char folder[] = "test-auth-encryption-vectors.XXXXXX";
static char paths[4][sizeof(folder) + 32];
enum { KEY_I, CERTIFICATE_I, KEY_R, CERTIFICATE_R };

/* One end, in the place of either, and what it reads of the vector. */
static struct {
	const struct encryption_vector *vector;
	struct phase1 phase1;
	struct end *end;
	uint8_t octets[2][2048];
	struct isakmp_chain exchange; /* the peer's */
	uint8_t proof[4 + 64];
	uint8_t values[5][64];
	uint8_t expected[64];
} run;

static struct bytes keep(const char *text, uint8_t *out)
{
	struct bytes octets = hex(text);

	memcpy(out, octets.data, octets.len);
	return bytes_of(out, octets.len);
}

static int64_t then(void *self)
{
	(void)self;
	return THEN;
}

static void open_end(const struct encryption_vector *vector, bool initiator)
{
	const struct encryption_message *message = initiator ? &vector->fourth : &vector->third;
	struct end *end;

	memset(&run, 0, sizeof(run));
	run.vector = vector;
	phase1_init(&run.phase1, vector->authentication, false);
	end = initiator ? &run.phase1.initiator : &run.phase1.responder;
	run.end = end;
	end->host.time = then;
	end->ike.certificate = paths[initiator ? CERTIFICATE_I : CERTIFICATE_R];
	end->ike.private_key = paths[initiator ? KEY_I : KEY_R];
	end->ike.peer_certificates = paths[initiator ? CERTIFICATE_R : CERTIFICATE_I];
	end_set_identity(end, initiator ? "i.example.test" : "r.example.test");
	end_expect(end, initiator ? "r.example.test" : "i.example.test");
	end_load(end);
	end->in.hash = vector->hash;
	end->in.encryption = vector->encryption;
	end->in.key_bits = vector->key_bits;
	end->in.cookie_i = keep(vector->cookie_i, run.values[0]);
	end->in.cookie_r = keep(vector->cookie_r, run.values[1]);
	end->in.sai_b = keep(vector->sai_b, run.values[2]);
	(void)keep(initiator ? vector->public_i : vector->public_r, end->public_value);
	(void)keep(initiator ? vector->nonce_i : vector->nonce_r, end->nonce);
	assert_int_equal(isakmp_chain_decode(
			     message->first, keep(message->payloads, run.octets[0]), &run.exchange),
	    ERR_OK);
	if (!end_open(end))
		fail_msg("%s: %s", vector->name, end->problem.text);
}

static void close_end(void)
{
	phase1_close(&run.phase1);
}

static void expect_equal(struct bytes octets, const char *text, const char *what)
{
	if (!bytes_equal(octets, keep(text, run.expected)))
		fail_msg("%s: another %s", run.vector->name, what);
}

/* Reads the peer's exchange, and comes to its nonce and value and to SKEYID. */
static void read_peer(void)
{
	const struct encryption_vector *vector = run.vector;
	struct end *end = run.end;
	bool initiator = end->in.initiator;

	if (!end_read(end, &run.exchange))
		fail_msg("%s: %s", vector->name, end->problem.text);
	expect_equal(auth_peer_nonce(end->auth), initiator ? vector->nonce_r : vector->nonce_i,
	    "nonce of the peer");
	expect_equal(auth_peer_public(end->auth), initiator ? vector->public_r : vector->public_i,
	    "value of the peer");
}

static void derive(void)
{
	struct end *end = run.end;

	assert_int_equal(auth_skeyid(end->auth, end->skeyid), ERR_OK);
	expect_equal(bytes_of(end->skeyid, prf_length(end->in.hash)), run.vector->skeyid, "SKEYID");
}

/* The peer's HASH alone, as after decryption. */
static bool check_peer(const char *hash, bool spoiled)
{
	struct writer out = writer_of(run.proof, sizeof(run.proof));
	struct isakmp_chain chain;
	struct bytes octets = keep(hash, run.octets[1]);

	writer_u16(&out, 0);
	writer_u16(&out, (uint16_t)(4 + octets.len));
	writer_put(&out, octets);
	run.proof[out.len - 1] ^= spoiled;
	assert_int_equal(isakmp_chain_decode(ISAKMP_HASH, writer_bytes(&out), &chain), ERR_OK);
	return end_done(run.end, auth_check(run.end->auth, &chain, &run.end->problem));
}

static void prove(const char *hash)
{
	struct isakmp_header header = {.exchange = ISAKMP_EXCHANGE_IDENTITY_PROTECTION};
	uint8_t octets[256];
	struct writer out = writer_of(octets, sizeof(octets));
	struct isakmp_writer writer = isakmp_begin(&out, &header);
	struct isakmp_chain chain;
	enum notify_type notify;
	struct bytes body;

	assert_true(end_done(run.end, auth_prove(run.end->auth, &run.end->problem)));
	auth_put_proof(run.end->auth, &writer);
	isakmp_end(&out);
	assert_int_equal(isakmp_header_decode(writer_bytes(&out), &header, &body, &notify), ERR_OK);
	assert_int_equal(isakmp_chain_decode(header.next_payload, body, &chain), ERR_OK);
	assert_int_equal(chain.count, 1);
	assert_int_equal(chain.payloads[0].type, ISAKMP_HASH);
	expect_equal(chain.payloads[0].body, hash, "HASH of our own");
}

static void we_begin(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(encryption_vectors); i++) {
		open_end(&encryption_vectors[i], true);
		assert_true(end_prepare(run.end));
		read_peer();
		derive();
		prove(run.vector->hash_i);
		if (!check_peer(run.vector->hash_r, false))
			fail_msg("%s: %s", run.vector->name, run.end->problem.text);
		close_end();
	}
}

static void we_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(encryption_vectors); i++) {
		open_end(&encryption_vectors[i], false);
		read_peer();
		assert_true(end_prepare(run.end));
		derive();
		if (!check_peer(run.vector->hash_i, false))
			fail_msg("%s: %s", run.vector->name, run.end->problem.text);
		prove(run.vector->hash_r);
		close_end();
	}
}

static void another_hash_proves_nothing(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(encryption_vectors); i++) {
		open_end(&encryption_vectors[i], false);
		read_peer();
		assert_true(end_prepare(run.end));
		derive();
		assert_false(check_peer(run.vector->hash_i, true));
		assert_int_equal(run.end->problem.code, ERR_AUTH);
		assert_false(auth_peer_proved(run.end->auth));
		close_end();
	}
}

static void write_file(size_t path, const char *name, const char *what, const char *text)
{
	FILE *file;

	(void)snprintf(paths[path], sizeof(paths[path]), "%s/%s", folder, name);
	file = fopen(paths[path], "w");
	assert_non_null(file);
	assert_true(
	    fprintf(file, "-----BEGIN %s-----\n%s-----END %s-----\n", what, text, what) > 0);
	assert_int_equal(fclose(file), 0);
	/* Keys that others can read are not used. */
	assert_int_equal(chmod(paths[path], 0600), 0);
}

static int make_files(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	write_file(KEY_I, "i.key", "RSA PRIVATE KEY", vector_initiator_key);
	write_file(CERTIFICATE_I, "i.pem", "CERTIFICATE", vector_initiator_certificate);
	write_file(KEY_R, "r.key", "RSA PRIVATE KEY", vector_responder_key);
	write_file(CERTIFICATE_R, "r.pem", "CERTIFICATE", vector_responder_certificate);
	return 0;
}

static int remove_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(paths); i++)
		(void)unlink(paths[i]);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(we_begin),
	    cmocka_unit_test(we_answer),
	    cmocka_unit_test(another_hash_proves_nothing),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
