/*
 * Exchanges between two strongSwans, step by step as RFC 2409 has it: the messages' grammar, keys,
 * hashes, IVs and the keys of the SAs. What is computed here needs nothing but the wire and crypto
 * rooms.
 */
#include "crypto.h"

#include "crypto/cbc.h"
#include "crypto/digest.h"
#include "crypto/keymat.h"
#include "ikev1-vectors.h"
#include "wire/ikev1-grammar.h"
#include "wire/ikev1.h"
#include "wire/vendor.h"

#define VECTORS  COUNT(ikev1_vectors)
#define SEED_MAX 1024

struct message {
	uint8_t octets[HEX_MAX];
	size_t len;
	struct isakmp_header header;
	struct bytes body; /* decrypted where it came encrypted */
	struct isakmp_chain chain;
};

/* One exchange, worked off message by message. */
struct run {
	const struct ikev1_vector *vector;
	struct message phase_1[6], quick[3];
	size_t phase_1_count, plain_count;
	uint8_t iv[CBC_BLOCK_MAX]; /* for the next message of phase 1 */
	struct cbc_key key;
};

#define assert_octets(octets, length, text)                                                        \
	do {                                                                                       \
		struct bytes expected_ = hex(text);                                                \
                                                                                                   \
		assert_int_equal(length, expected_.len);                                           \
		assert_memory_equal(octets, expected_.data, expected_.len);                        \
	} while (0)

static void decode_message(struct message *message, size_t len)
{
	enum notify_type notify;

	message->len = len;
	assert_int_equal(isakmp_header_decode(bytes_of(message->octets, len), &message->header,
			     &message->body, &notify),
	    ERR_OK);
}

static void read_message(struct message *message, const char *text)
{
	struct bytes octets = hex(text);

	memcpy(message->octets, octets.data, octets.len);
	decode_message(message, octets.len);
}

static void read_chain(struct message *message)
{
	assert_int_equal(
	    isakmp_chain_decode(message->header.next_payload, message->body, &message->chain),
	    ERR_OK);
}

static struct bytes body_of(const struct message *message, uint8_t type)
{
	const struct isakmp_payload *payload = isakmp_chain_find(&message->chain, type, NULL);

	assert_non_null(payload);
	return payload->body;
}

/* In main mode KE and nonces are in the third and fourth message, in aggressive mode before. */
static const struct message *key_message(const struct run *run, bool responder)
{
	return &run->phase_1[(run->vector->aggressive ? 0 : 2) + responder];
}

static void run_prf(
    enum prf_hash hash, struct bytes key, const struct bytes *parts, size_t count, uint8_t *out)
{
	struct prf *prf;

	assert_int_equal(prf_new(hash, key, &prf), ERR_OK);
	assert_int_equal(prf_run(prf, parts, count, out), ERR_OK);
	prf_free(prf);
}

static void check_prf(const struct run *run, const char *key, const struct bytes *parts,
    size_t count, const char *expected)
{
	uint8_t out[CRYPTO_PRF_MAX];

	run_prf(run->vector->hash, hex(key), parts, count, out);
	assert_octets(out, prf_length(run->vector->hash), expected);
}

/* RFC 2409 5: prf(SKEYID, [before |] g^xy | CKY-I | CKY-R | octet). */
static void check_derived(
    const struct run *run, const char *before, uint8_t octet, const char *expected)
{
	const struct isakmp_header *header = &run->phase_1[1].header;
	const struct bytes parts[] = {hex(before), hex(run->vector->secret),
	    bytes_of(header->initiator_cookie, 8), bytes_of(header->responder_cookie, 8),
	    bytes_of(&octet, 1)};

	check_prf(run, run->vector->skeyid, parts, COUNT(parts), expected);
}

static void check_skeyid(const struct run *run)
{
	const struct ikev1_vector *vector = run->vector;
	struct bytes nonces[2] = {body_of(key_message(run, false), ISAKMP_NONCE),
	    body_of(key_message(run, true), ISAKMP_NONCE)};
	struct bytes secret = hex(vector->secret);
	uint8_t out[CRYPTO_PRF_MAX], both[2 * IKEV1_NONCE_MAX];
	struct writer key = writer_of(both, sizeof(both));

	if (vector->psk != NULL) {
		run_prf(vector->hash, bytes_of(vector->psk, strlen(vector->psk)), nonces, 2, out);
	} else {
		writer_put(&key, nonces[0]);
		writer_put(&key, nonces[1]);
		run_prf(vector->hash, writer_bytes(&key), &secret, 1, out);
	}
	assert_octets(out, prf_length(vector->hash), vector->skeyid);
	check_derived(run, "", 0, vector->skeyid_d);
	check_derived(run, vector->skeyid_d, 1, vector->skeyid_a);
	check_derived(run, vector->skeyid_a, 2, vector->skeyid_e);
}

/* RFC 2409 Appendix B: the cipher's key and first IV. */
static void check_key(struct run *run)
{
	const struct ikev1_vector *vector = run->vector;
	struct bytes publics[2] = {body_of(key_message(run, false), ISAKMP_KE),
	    body_of(key_message(run, true), ISAKMP_KE)};
	struct bytes skeyid_e = hex(vector->skeyid_e);
	size_t length;
	uint8_t iv[CRYPTO_PRF_MAX];

	run->key.encryption = vector->encryption == IKEV1_ENCRYPTION_AES_CBC ? ENCRYPTION_AES_CBC
	                                                                     : ENCRYPTION_3DES_CBC;
	run->key.bits = vector->key_bits;
	length = cbc_key_length(run->key.encryption, run->key.bits);
	if (length > skeyid_e.len) {
		struct prf *prf;

		assert_int_equal(prf_new(vector->hash, skeyid_e, &prf), ERR_OK);
		assert_int_equal(crypto_keymat_feedback(prf_run, prf, prf_length(vector->hash),
				     run->key.octets, length),
		    ERR_OK);
		prf_free(prf);
	} else {
		memcpy(run->key.octets, skeyid_e.data, length);
	}
	assert_octets(run->key.octets, length, vector->key);
	assert_int_equal(digest_run(vector->hash, publics, 2, iv), ERR_OK);
	assert_octets(iv, cbc_block_length(run->key.encryption), vector->iv);
	memcpy(run->iv, iv, cbc_block_length(run->key.encryption));
}

static void decrypt(struct run *run, struct message *message, uint8_t *iv)
{
	uint8_t *body = message->octets + ISAKMP_HEADER_SIZE;

	assert_true((message->header.flags & ISAKMP_FLAG_ENCRYPTION) != 0);
	assert_int_equal(cbc_decrypt(&run->key, iv, body, message->body.len), ERR_OK);
	assert_octets(body, message->body.len, run->vector->plain[run->plain_count]);
	run->plain_count++;
	read_chain(message);
}

/* RFC 2409 5: what HASH_I and HASH_R are made over. */
static void check_hash(
    const struct run *run, bool responder, const char *data, const char *expected)
{
	const struct ikev1_vector *vector = run->vector;
	const struct message *with_id =
	    &run->phase_1[vector->aggressive ? responder : 4 + responder];
	const struct isakmp_header *header = &run->phase_1[1].header;
	uint8_t text[SEED_MAX];
	struct writer out = writer_of(text, sizeof(text));
	struct bytes whole;

	writer_put(&out, body_of(key_message(run, responder), ISAKMP_KE));
	writer_put(&out, body_of(key_message(run, !responder), ISAKMP_KE));
	writer_put(
	    &out, bytes_of(responder ? header->responder_cookie : header->initiator_cookie, 8));
	writer_put(
	    &out, bytes_of(responder ? header->initiator_cookie : header->responder_cookie, 8));
	writer_put(&out, body_of(&run->phase_1[0], ISAKMP_SA));
	writer_put(&out, body_of(with_id, ISAKMP_ID));
	assert_true(writer_ok(&out));
	assert_octets(text, out.len, data);
	whole = writer_bytes(&out);
	check_prf(run, vector->skeyid, &whole, 1, expected);
	if (vector->psk != NULL) {
		struct bytes hash = body_of(
		    &run->phase_1[vector->aggressive ? 2 - responder : 4 + responder], ISAKMP_HASH);

		assert_octets(hash.data, hash.len, expected);
	}
}

/* RFC 3947 3.2: the first NAT-D is of the destination, which strongSwan tells truthfully. */
static void check_nat_d(const struct run *run, bool responder)
{
	const struct ikev1_vector *vector = run->vector;
	const struct message *message =
	    &run->phase_1[vector->aggressive ? 2 - responder : 2 + responder];
	const struct isakmp_header *header = &run->phase_1[1].header;
	struct bytes first = body_of(message, ISAKMP_NAT_D), text;
	uint8_t octets[IKEV1_NAT_D_TEXT_MAX], hash[CRYPTO_PRF_MAX];
	struct writer out = writer_of(octets, sizeof(octets));
	struct address address;

	assert_int_equal(address_parse(responder ? "192.0.2.1" : "192.0.2.2", &address), ERR_OK);
	ikev1_put_nat_d_text(&out, header->initiator_cookie, header->responder_cookie, &address,
	    message->header.flags == 0 ? IKEV1_PORT : IKEV1_NAT_PORT);
	text = writer_bytes(&out);
	assert_int_equal(digest_run(vector->hash, &text, 1, hash), ERR_OK);
	assert_int_equal(first.len, prf_length(vector->hash));
	assert_memory_equal(first.data, hash, first.len);
}

static void check_phase_1_attributes(const struct run *run)
{
	const struct ikev1_vector *vector = run->vector;
	struct ikev1_attributes attributes;
	struct isakmp_sa sa;

	assert_int_equal(isakmp_sa_decode(body_of(&run->phase_1[1], ISAKMP_SA), &sa), ERR_OK);
	assert_int_equal(sa.transform_count, 1);
	assert_int_equal(sa.transforms[0].id, KEY_IKE);
	assert_int_equal(ikev1_attributes_decode(sa.transforms[0].attributes, &attributes), ERR_OK);
	assert_int_equal(attributes.unsupported, 0);
	assert_int_equal(attributes.encryption, vector->encryption);
	assert_int_equal(attributes.key_length, vector->key_bits);
	assert_int_equal(attributes.group, vector->group);
	assert_int_equal(attributes.method, vector->method);
	assert_int_equal(attributes.life_kilobytes, 0);
}

static void check_vendor_ids(const struct message *message)
{
	const struct isakmp_payload *payload = NULL;
	unsigned known = 0;

	while ((payload = isakmp_chain_find(&message->chain, ISAKMP_VENDOR_ID, payload)) != NULL)
		known |= 1u << vendor_id_of(payload->body);
	assert_true((known & 1u << VENDOR_NAT_TRAVERSAL) != 0);
	assert_true((known & 1u << VENDOR_DEAD_PEER_DETECTION) != 0);
	assert_true((known & 1u << VENDOR_FRAGMENTATION) != 0);
	assert_true((known & 1u << VENDOR_UNKNOWN) == 0);
}

static void check_grammar(const struct run *run, const struct message *message, unsigned number)
{
	struct isakmp_violation violation;
	struct ikev1_message form = {.exchange = message->header.exchange,
	    .number = number,
	    .family =
		run->vector->psk != NULL ? IKEV1_FAMILY_PRE_SHARED_KEY : IKEV1_FAMILY_SIGNATURE,
	    .encrypted = (message->header.flags & ISAKMP_FLAG_ENCRYPTION) != 0,
	    .chain = &message->chain};

	if (ikev1_grammar_check(&form, &violation) != ERR_OK)
		fail_msg("%s: %s", run->vector->name, violation.rule);
}

/* What follows a quick mode message's HASH, without padding. */
static struct bytes after_hash(const struct message *message)
{
	const struct isakmp_chain *chain = &message->chain;
	const uint8_t *start = message->body.data + chain->payloads[0].whole.len;
	size_t padding = chain->trailing.len;

	return bytes_of(start, message->body.len - chain->payloads[0].whole.len - padding);
}

static void check_quick_hashes(const struct run *run)
{
	const struct ikev1_vector *vector = run->vector;
	struct bytes id = bytes_of(run->quick[0].octets + 20, 4);
	struct bytes nonce_i = body_of(&run->quick[0], ISAKMP_NONCE);
	struct bytes nonce_r = body_of(&run->quick[1], ISAKMP_NONCE);
	struct bytes first[] = {id, after_hash(&run->quick[0])};
	struct bytes second[] = {id, nonce_i, after_hash(&run->quick[1])};
	struct bytes third[] = {bytes_of("\0", 1), id, nonce_i, nonce_r};

	check_prf(run, vector->skeyid_a, first, 2, vector->quick_hash[0]);
	check_prf(run, vector->skeyid_a, second, 3, vector->quick_hash[1]);
	check_prf(run, vector->skeyid_a, third, 4, vector->quick_hash[2]);
	for (size_t i = 0; i < 3; i++) {
		struct bytes hash = body_of(&run->quick[i], ISAKMP_HASH);

		assert_octets(hash.data, hash.len, vector->quick_hash[i]);
	}
}

/* RFC 2409 5.5: of the SA whose SPI that message chose. */
static void check_keymat(const struct run *run, size_t spi_from, const char *expected)
{
	const struct ikev1_vector *vector = run->vector;
	struct isakmp_sa sa;
	uint8_t text[SEED_MAX], keymat[SEED_MAX];
	struct writer seed = writer_of(text, sizeof(text));
	size_t len = strlen(expected) / 2;
	struct prf *prf;

	assert_int_equal(isakmp_sa_decode(body_of(&run->quick[spi_from], ISAKMP_SA), &sa), ERR_OK);
	if (vector->quick_secret != NULL)
		writer_put(&seed, hex(vector->quick_secret));
	writer_u8(&seed, PROTO_IPSEC_ESP);
	writer_put(&seed, sa.proposals[0].spi);
	writer_put(&seed, body_of(&run->quick[0], ISAKMP_NONCE));
	writer_put(&seed, body_of(&run->quick[1], ISAKMP_NONCE));
	assert_int_equal(prf_new(vector->hash, hex(vector->skeyid_d), &prf), ERR_OK);
	assert_int_equal(crypto_keymat_expand(prf_run, prf, prf_length(vector->hash),
			     writer_bytes(&seed), keymat, len),
	    ERR_OK);
	prf_free(prf);
	assert_octets(keymat, len, expected);
}

static void check_quick(struct run *run)
{
	size_t block = cbc_block_length(run->key.encryption);
	struct bytes parts[] = {bytes_of(run->iv, block), bytes_of(run->quick[0].octets + 20, 4)};
	uint8_t iv[CRYPTO_PRF_MAX];

	assert_int_equal(digest_run(run->vector->hash, parts, 2, iv), ERR_OK);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(run->quick[i].header.message_id, run->quick[0].header.message_id);
		decrypt(run, &run->quick[i], iv);
		check_grammar(run, &run->quick[i], (unsigned)i + 1);
	}
	check_quick_hashes(run);
	check_keymat(run, 1, run->vector->initiator_keymat);
	check_keymat(run, 0, run->vector->responder_keymat);
}

static void check_exchange(const struct ikev1_vector *vector)
{
	static struct run run;
	size_t clear = vector->aggressive ? 2 : 4;

	memset(&run, 0, sizeof(run));
	run.vector = vector;
	while (run.phase_1_count < 6 && vector->phase_1[run.phase_1_count] != NULL) {
		read_message(&run.phase_1[run.phase_1_count], vector->phase_1[run.phase_1_count]);
		run.phase_1_count++;
	}
	assert_int_equal(run.phase_1_count, vector->aggressive ? 3 : 6);
	for (size_t i = 0; i < 3; i++)
		read_message(&run.quick[i], vector->quick[i]);
	for (size_t i = 0; i < clear; i++)
		read_chain(&run.phase_1[i]);
	check_phase_1_attributes(&run);
	check_vendor_ids(&run.phase_1[0]);
	check_vendor_ids(&run.phase_1[1]);
	check_skeyid(&run);
	check_key(&run);
	for (size_t i = clear; i < run.phase_1_count; i++)
		decrypt(&run, &run.phase_1[i], run.iv);
	for (size_t i = 0; i < run.phase_1_count; i++)
		check_grammar(&run, &run.phase_1[i], (unsigned)i + 1);
	check_nat_d(&run, false);
	check_nat_d(&run, true);
	check_hash(&run, false, vector->hash_i_data, vector->hash_i);
	check_hash(&run, true, vector->hash_r_data, vector->hash_r);
	check_quick(&run);
}

static void test_exchanges(void **state)
{
	(void)state;
	for (size_t i = 0; i < VECTORS; i++) {
		print_message("%s\n", ikev1_vectors[i].name);
		check_exchange(&ikev1_vectors[i]);
	}
}

/* The parts in order are the whole message. */
static void test_fragments(void **state)
{
	static uint8_t octets[2 * HEX_MAX];
	struct writer out = writer_of(octets, sizeof(octets));
	struct run run = {.vector = &ikev1_vectors[VECTORS - 1]};
	static struct message whole;

	(void)state;
	for (size_t i = 0; i < COUNT(ikev1_fragments); i++) {
		static struct message part;
		struct ikev1_fragment fragment;

		read_message(&part, ikev1_fragments[i]);
		read_chain(&part);
		assert_int_equal(part.header.exchange, ISAKMP_EXCHANGE_AGGRESSIVE);
		assert_int_equal(part.header.flags, 0);
		assert_int_equal(part.chain.count, 1);
		assert_int_equal(
		    ikev1_fragment_decode(body_of(&part, ISAKMP_FRAGMENT), &fragment), ERR_OK);
		assert_int_equal(fragment.id, 1);
		assert_int_equal(fragment.number, i + 1);
		assert_int_equal(fragment.last, i == 1);
		writer_put(&out, fragment.data);
	}
	assert_true(writer_ok(&out) && out.len <= sizeof(whole.octets));
	memcpy(whole.octets, octets, out.len);
	decode_message(&whole, out.len);
	read_chain(&whole);
	check_grammar(&run, &whole, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_exchanges),
	    cmocka_unit_test(test_fragments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
