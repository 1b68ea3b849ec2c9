/*
 * The credentials seam of one host. A certificate says whose address it is for, under a tag that
 * only the realm's authority makes; what RSA would do is done with hashes under secrets that only
 * this file knows. As with the real ones, nobody gets a signature or a plain text without the key.
 */
#include <stdlib.h>
#include <string.h>

#include "crypto/identity.h"
#include "sim.h"

#define HEAD_SIZE      18 /* family, address, number of the key */
#define TAG_SIZE       16
#define SIGNATURE_SIZE 256
#define PART_MAX       256
#define SEALED_SIZE    (16 + 2 + PART_MAX + TAG_SIZE) /* what it begins with, length, text, tag */
#define OCTETS_MAX     8192
#define AUTHORITY      255

struct answer {
	struct credentials_completion completion;
	struct address identity; /* the completion's points here */
	size_t used;
	uint8_t octets[OCTETS_MAX];
};

static void hash_with(const struct sim *sim, const char *what, unsigned number, struct bytes octets,
    uint8_t out[TAG_SIZE])
{
	uint64_t key[3] = {sim->seed, number, (uint64_t)what[0]};
	uint64_t hash[2];

	sim_hash(key, sizeof(key), octets.data, octets.len, hash);
	memcpy(out, hash, TAG_SIZE);
}

/* So many octets that follow from others. `what` differs in its first letter. */
static void stretch(const struct sim *sim, const char *what, unsigned number, struct bytes seed,
    uint8_t *out, size_t len)
{
	uint8_t block[TAG_SIZE];

	hash_with(sim, what, number, seed, block);
	for (size_t done = 0; done < len; done += TAG_SIZE) {
		hash_with(sim, what, number, bytes_of(block, TAG_SIZE), block);
		memcpy(&out[done], block, len - done < TAG_SIZE ? len - done : TAG_SIZE);
	}
}

/* In the completion's own memory. */
static struct bytes keep(struct answer *answer, const uint8_t *octets, size_t len)
{
	uint8_t *copy = &answer->octets[answer->used];

	if (len > sizeof(answer->octets) - answer->used)
		abort();
	if (len > 0)
		memcpy(copy, octets, len);
	answer->used += len;
	return bytes_of(copy, len);
}

/* Whose certificate it has: an impostor's is for an address that is none of the others'. */
static struct address certified(const struct sim_host *host)
{
	struct address address = host->address;

	if (host->rogue && host->sim->profile.rogue == SIM_ROGUE_IMPOSTOR)
		address.octets[1] ^= 0x80;
	return address;
}

static struct bytes put_certificate(struct answer *answer, const struct sim_host *host)
{
	const struct sim *sim = host->sim;
	struct address address = certified(host);
	uint8_t octets[OCTETS_MAX] = {(uint8_t)address.family};

	memcpy(&octets[1], address.octets, 16);
	octets[17] = (uint8_t)host->index;
	hash_with(sim, "certificate", AUTHORITY, bytes_of(octets, HEAD_SIZE), &octets[HEAD_SIZE]);
	return keep(answer, octets, HEAD_SIZE + TAG_SIZE + sim->profile.certificate_size);
}

/* Whether the authority made it, for this identity; then *number is its key's. */
static bool is_for(const struct sim *sim, struct bytes certificate,
    const struct ike_identity *identity, unsigned *number)
{
	struct address address = {0};
	struct ike_identity subject;
	uint8_t tag[TAG_SIZE];

	if (certificate.len < HEAD_SIZE + TAG_SIZE)
		return false;
	hash_with(sim, "certificate", AUTHORITY, bytes_of(certificate.data, HEAD_SIZE), tag);
	if (memcmp(tag, certificate.data + HEAD_SIZE, TAG_SIZE) != 0)
		return false;
	address.family = certificate.data[0];
	memcpy(address.octets, certificate.data + 1, 16);
	subject = ike_identity_of_address(&address);
	*number = certificate.data[17];
	return ike_identity_is(&subject, identity);
}

/* That of the peer: one that came, or else the one that everybody has. */
static struct bytes find_certificate(const struct sim *sim,
    const struct credentials_request *request, struct answer *answer, unsigned *number)
{
	for (size_t i = 0; i < request->certificate_count; i++) {
		if (is_for(sim, request->certificates[i], &request->identity, number))
			return keep(
			    answer, request->certificates[i].data, request->certificates[i].len);
	}
	for (size_t i = 0; i < sim->profile.host_count; i++) {
		struct bytes certificate = put_certificate(answer, &sim->hosts[i]);

		if (!sim->hosts[i].rogue && is_for(sim, certificate, &request->identity, number))
			return certificate;
		answer->used -= certificate.len;
	}
	return (struct bytes){0};
}

static enum credentials_scheme scheme_of(const struct sim *sim)
{
	return sim->profile.ecdsa ? CREDENTIALS_ECDSA_256 : CREDENTIALS_RSA_BARE;
}

static void describe(struct sim_host *host, struct answer *answer)
{
	struct credentials_completion *completion = &answer->completion;

	completion->scheme = scheme_of(host->sim);
	completion->certificates[completion->certificate_count++] = put_certificate(answer, host);
	completion->authorities[completion->authority_count++] =
	    keep(answer, (const uint8_t *)"authority", 9);
	answer->identity = certified(host);
	completion->identity = ike_identity_of_address(&answer->identity);
}

/* Two numbers of P-256, or one of RSA with 2048 bits. Returns its size. */
static size_t make_signature(struct sim *sim, const struct credentials_request *request,
    unsigned signer, uint8_t out[SIGNATURE_SIZE])
{
	size_t size = sim->profile.ecdsa ? 64 : SIGNATURE_SIZE;

	if (request->scheme != scheme_of(sim))
		sim_fail(sim, "a signature is asked for that no key can make");
	stretch(sim, "signature", signer, request->hash, out, size);
	return size;
}

static void sign(
    struct sim_host *host, const struct credentials_request *request, struct answer *answer)
{
	struct credentials_completion *completion = &answer->completion;
	uint8_t signature[SIGNATURE_SIZE];
	size_t size = make_signature(host->sim, request, host->index, signature);

	completion->signature = keep(answer, signature, size);
	completion->certificates[completion->certificate_count++] = put_certificate(answer, host);
}

static void verify(
    struct sim_host *host, const struct credentials_request *request, struct answer *answer)
{
	struct problem *problem = &answer->completion.problem;
	uint8_t signature[SIGNATURE_SIZE];
	unsigned number = 0;
	size_t size;

	if (find_certificate(host->sim, request, answer, &number).len == 0) {
		(void)problem_set(problem, ERR_NOT_FOUND, "the peer has no certificate");
		return;
	}
	size = make_signature(host->sim, request, number, signature);
	if (!bytes_equal(request->signature, bytes_of(signature, size)))
		(void)problem_set(problem, ERR_AUTH, "the signature does not verify");
	answer->completion.subject = "a simulated host";
}

/* What it begins with, then under a hash of that and the secret the length, the text, a tag. */
static struct bytes seal(
    struct sim_host *host, unsigned number, struct bytes plain, struct answer *answer)
{
	uint8_t stream[SEALED_SIZE];
	uint8_t out[SEALED_SIZE] = {0};

	if (plain.len > PART_MAX)
		return (struct bytes){0};
	sim_random_fill(&host->random, out, 16);
	out[16] = (uint8_t)(plain.len >> 8);
	out[17] = (uint8_t)plain.len;
	memcpy(&out[18], plain.data, plain.len);
	stretch(host->sim, "encryption", number, bytes_of(out, 16), stream, sizeof(stream));
	for (size_t i = 16; i < SEALED_SIZE; i++)
		out[i] ^= stream[i];
	hash_with(host->sim, "tag", number, bytes_of(out, SEALED_SIZE - TAG_SIZE),
	    &out[SEALED_SIZE - TAG_SIZE]);
	return keep(answer, out, sizeof(out));
}

static void encrypt(
    struct sim_host *host, const struct credentials_request *request, struct answer *answer)
{
	struct credentials_completion *completion = &answer->completion;
	unsigned number = 0;
	struct bytes certificate = find_certificate(host->sim, request, answer, &number);

	completion->matched = certificate.len > 0;
	if (certificate.len == 0) {
		number = AUTHORITY;
		certificate = put_certificate(answer, &host->sim->hosts[0]);
	}
	completion->certificates[completion->certificate_count++] = certificate;
	completion->subject = "a simulated host";
	for (size_t i = 0; i < request->part_count; i++) {
		struct bytes part = seal(host, number, request->parts[i], answer);

		if (part.len == 0)
			(void)problem_set(&completion->problem, ERR_TOO_LONG, "it is too long");
		completion->parts[completion->part_count++] = part;
	}
}

/* What is not as it should be gives others, the same each time. */
static struct bytes unseal(
    struct sim_host *host, struct bytes sealed, size_t min, size_t max, struct answer *answer)
{
	uint8_t octets[SEALED_SIZE];
	uint8_t stream[SEALED_SIZE];
	uint8_t tag[TAG_SIZE];
	size_t len = 0;

	if (sealed.len == SEALED_SIZE) {
		hash_with(host->sim, "tag", host->index,
		    bytes_of(sealed.data, SEALED_SIZE - TAG_SIZE), tag);
		stretch(host->sim, "encryption", host->index, bytes_of(sealed.data, 16), stream,
		    sizeof(stream));
		for (size_t i = 16; i < SEALED_SIZE; i++)
			octets[i] = sealed.data[i] ^ stream[i];
		if (memcmp(tag, sealed.data + SEALED_SIZE - TAG_SIZE, TAG_SIZE) == 0)
			len = (size_t)octets[16] << 8 | octets[17];
	}
	if (len >= min && len <= max && len > 0)
		return keep(answer, &octets[18], len);
	len = min > 0 ? min : 1;
	stretch(host->sim, "rejection", host->index, sealed, octets, len);
	return keep(answer, octets, len);
}

static void decrypt(
    struct sim_host *host, const struct credentials_request *request, struct answer *answer)
{
	struct credentials_completion *completion = &answer->completion;

	completion->certificates[completion->certificate_count++] = put_certificate(answer, host);
	for (size_t i = 0; i < request->part_count; i++)
		completion->parts[completion->part_count++] = unseal(
		    host, request->parts[i], request->part_min[i], request->part_max[i], answer);
}

static void answered(struct sim *sim, struct sim_host *host, void *payload)
{
	struct answer *answer = payload;

	if (answer->completion.problem.code != ERR_OK)
		sim_note(sim, host, "credentials: %s", answer->completion.problem.text);
	kx_credentials_done(host->kx, &answer->completion);
}

enum err sim_credentials_submit(struct sim_host *host, const struct credentials_request *request)
{
	struct sim *sim = host->sim;
	struct answer *answer;

	if (request->token >> 63 != 0)
		sim_fail(sim, "host %c: a token for credentials has its top bit set",
		    'a' + (int)host->index);
	if (sim->faults && sim_chance(&sim->trouble, sim->profile.kerberos_limit))
		return ERR_LIMIT;
	answer = sim_alloc(sizeof(*answer));
	answer->completion.operation = request->operation;
	answer->completion.token = request->token;
	switch (request->operation) {
	case CREDENTIALS_DESCRIBE:
		describe(host, answer);
		break;
	case CREDENTIALS_SIGN:
		sign(host, request, answer);
		break;
	case CREDENTIALS_VERIFY:
		verify(host, request, answer);
		break;
	case CREDENTIALS_ENCRYPT:
		encrypt(host, request, answer);
		break;
	case CREDENTIALS_DECRYPT:
		decrypt(host, request, answer);
		break;
	}
	sim_schedule(sim, sim_random_below(&sim->trouble, 10), answered, host, answer);
	return ERR_OK;
}
