/*
 * Sets of credentials: keys, certificates and trust that the openssl command made (pki.sh), and
 * what comes of each kind of fault in them.
 */
#include <time.h>

#include "crypto.h"
#include "crypto/credentials.h"
#include "crypto/identity.h"
#include "pki.h"

static int64_t now;

static int make_files(void **state)
{
	int result = pki_make(state);

	now = (int64_t)time(NULL);
	return result;
}

/* A set, its request's outcome, and what they point to. */
static struct {
	const char *authorities[2];
	const char *crls[2];
	struct credentials_settings settings;
	struct credentials *set;
	struct credentials_values values;
	struct credentials_completion done;
	uint8_t identity[IKE_IDENTITY_MAX];
} bench;

static void load(const char *certificate, const char *authority)
{
	char key[64];
	struct problem problem;

	memset(&bench, 0, sizeof(bench));
	if (certificate != NULL) {
		(void)snprintf(
		    key, sizeof(key), "%.*s.key", (int)strcspn(certificate, ".-"), certificate);
		bench.settings.certificate = pki_path(certificate);
		bench.settings.private_key = pki_path(key);
	}
	bench.authorities[0] = pki_path(authority);
	bench.settings.authorities = bench.authorities;
	bench.settings.authority_count = authority != NULL ? 1 : 0;
	bench.settings.crls = bench.crls;
	if (credentials_load(&bench.settings, &bench.set, &problem) != ERR_OK)
		fail_msg("%s", problem.text);
}

static void reload(void)
{
	struct problem problem;

	credentials_free(bench.set);
	bench.set = NULL;
	if (credentials_load(&bench.settings, &bench.set, &problem) != ERR_OK)
		fail_msg("%s", problem.text);
}

static enum err run(struct credentials_request request)
{
	request.token = 7;
	request.set = "partner";
	if (request.now == 0)
		request.now = now;
	credentials_run(bench.set, &request, &bench.values, &bench.done);
	assert_int_equal(bench.done.token, 7);
	assert_int_equal(bench.done.operation, request.operation);
	return bench.done.problem.code;
}

static const uint8_t hash[32] = "hash of thirty-two octets: HASH";

struct signed_hash {
	enum credentials_scheme scheme;
	size_t signature_len;
	size_t certificate_count;
	size_t certificate_lens[CREDENTIALS_CERTIFICATES_MAX];
	uint8_t signature[CREDENTIALS_SIGNATURE_MAX];
	uint8_t certificates[CREDENTIALS_CERTIFICATES_MAX][4096];
};

static struct signed_hash *make_signature(const char *certificate)
{
	static struct signed_hash made;

	load(certificate, NULL);
	memset(&made, 0, sizeof(made));
	assert_int_equal(
	    run((struct credentials_request){.operation = CREDENTIALS_DESCRIBE}), ERR_OK);
	made.scheme = bench.done.scheme;
	assert_int_equal(run((struct credentials_request){.operation = CREDENTIALS_SIGN,
			     .scheme = made.scheme,
			     .hash = bytes_of(hash, sizeof(hash))}),
	    ERR_OK);
	made.signature_len = bench.done.signature.len;
	memcpy(made.signature, bench.done.signature.data, made.signature_len);
	made.certificate_count = bench.done.certificate_count;
	for (size_t i = 0; i < made.certificate_count; i++) {
		made.certificate_lens[i] = bench.done.certificates[i].len;
		memcpy(made.certificates[i], bench.done.certificates[i].data,
		    bench.done.certificates[i].len);
	}
	credentials_free(bench.set);
	bench.set = NULL;
	return &made;
}

static struct credentials_request verification(const struct signed_hash *made, const char *identity)
{
	struct credentials_request request = {.operation = CREDENTIALS_VERIFY,
	    .scheme = made->scheme,
	    .hash = bytes_of(hash, sizeof(hash)),
	    .signature = bytes_of(made->signature, made->signature_len),
	    .certificate_count = (uint8_t)made->certificate_count};
	struct problem problem;

	for (size_t i = 0; i < made->certificate_count; i++)
		request.certificates[i] =
		    bytes_of(made->certificates[i], made->certificate_lens[i]);
	assert_int_equal(
	    ike_identity_parse(identity, bench.identity, &request.identity, &problem), ERR_OK);
	return request;
}

static void expect(enum err error, const char *words)
{
	if (bench.done.problem.code != error || strstr(bench.done.problem.text, words) == NULL)
		fail_msg("error %d, expected %d with \"%s\": %s", bench.done.problem.code, error,
		    words, bench.done.problem.text);
}

/* Signs with a certificate's key, and lets one who trusts `authority` judge. */
static void check(const char *certificate, const char *authority, const char *identity,
    enum err error, const char *words)
{
	struct signed_hash *made = make_signature(certificate);

	load(NULL, authority);
	(void)run(verification(made, identity));
	expect(error, error == ERR_OK ? "" : words);
	credentials_free(bench.set);
}

static void sets_describe_themselves(void **state)
{
	(void)state;
	load("a-chain.pem", "authorities");
	assert_int_equal(
	    run((struct credentials_request){.operation = CREDENTIALS_DESCRIBE}), ERR_OK);
	assert_int_equal(bench.done.scheme, CREDENTIALS_RSA_BARE);
	/* Itself and the one between; not the root. */
	assert_int_equal(bench.done.certificate_count, 2);
	assert_int_equal(bench.done.authority_count, 2);
	/* The name before the addresses and the user that come first in the certificate. */
	assert_int_equal(bench.done.identity.type, IKE_IDENTITY_FQDN);
	assert_true(bytes_equal(bench.done.identity.data, bytes_of("a.example.test", 14)));
	credentials_free(bench.set);

	load(NULL, NULL);
	assert_int_equal(
	    run((struct credentials_request){.operation = CREDENTIALS_DESCRIBE}), ERR_OK);
	assert_int_equal(bench.done.scheme, CREDENTIALS_NO_SCHEME);
	assert_int_equal(bench.done.certificate_count, 0);
	assert_int_equal(bench.done.identity.type, IKE_IDENTITY_NONE);
	assert_int_equal(run((struct credentials_request){.operation = CREDENTIALS_SIGN,
			     .scheme = CREDENTIALS_RSA_BARE,
			     .hash = bytes_of(hash, 32)}),
	    ERR_NOT_FOUND);
	expect(ERR_NOT_FOUND, "peer \"partner\" has no certificate and key of ours");
	credentials_free(bench.set);
	bench.set = NULL;
	assert_int_equal(
	    run((struct credentials_request){.operation = CREDENTIALS_DESCRIBE}), ERR_NOT_FOUND);
}

static struct bytes described_as(const char *identity)
{
	struct credentials_request request = {.operation = CREDENTIALS_DESCRIBE};
	struct problem problem;

	assert_int_equal(
	    ike_identity_parse(identity, bench.identity, &request.identity, &problem), ERR_OK);
	assert_int_equal(run(request), ERR_OK);
	return bench.done.identity.data;
}

/* RFC 4945 3.1.5: the subject and the identity are the same bit by bit. */
static void names_are_encoded_as_in_the_certificate(void **state)
{
	struct bytes identity;

	(void)state;
	load("printable.pem", NULL);
	identity = described_as("O=Example, CN=printable");
	assert_int_equal(bench.done.identity.type, IKE_IDENTITY_DN);
	/* The same letters, and not the same octets: PrintableString, UTF8String. */
	assert_memory_not_equal(identity.data, bench.identity, identity.len);
	assert_non_null(memmem(identity.data, identity.len, "\x13\x09printable", 11));
	assert_non_null(memmem(bench.identity, sizeof(bench.identity), "\x0c\x09printable", 11));
	(void)described_as("O=Example, CN=another");
	assert_int_equal(bench.done.identity.type, IKE_IDENTITY_FQDN);
	credentials_free(bench.set);
	check("printable.pem", "root.pem", "O=Example, CN=printable", ERR_AUTH,
	    "claims to be O=Example, CN=printable, but its certificate has that name in other "
	    "octets");
}

static void every_kind_of_key_authenticates(void **state)
{
	(void)state;
	assert_int_equal(credentials_scheme_of(pki_path("a-chain.pem")), CREDENTIALS_RSA_BARE);
	assert_int_equal(credentials_scheme_of(pki_path("b.pem")), CREDENTIALS_ECDSA_256);
	assert_int_equal(credentials_scheme_of(pki_path("c.pem")), CREDENTIALS_ECDSA_384);
	assert_int_equal(credentials_scheme_of(pki_path("d.pem")), CREDENTIALS_ECDSA_521);
	assert_int_equal(credentials_scheme_of(pki_path("edwards.pem")), CREDENTIALS_NO_SCHEME);
	assert_int_equal(credentials_scheme_of(pki_path("none.pem")), CREDENTIALS_NO_SCHEME);
	check("a-chain.pem", "root.pem", "a.example.test", ERR_OK, "");
	check("b.pem", "root.pem", "b.example.test", ERR_OK, "");
	check("c.pem", "root.pem", "c.example.test", ERR_OK, "");
	check("d.pem", "root.pem", "d.example.test", ERR_OK, "");
	check("ike.pem", "root.pem", "ike.example.test", ERR_OK, "");
	check("nameless.pem", "root.pem", "nameless.example.test", ERR_OK, "");
	check("b.pem", "authorities", "b.example.test", ERR_OK, "");
}

/* RFC 4945 3.1.1 to 3.1.5, 3.1.9. */
static void identities_must_be_in_the_certificate(void **state)
{
	static const char *const good[] = {"192.0.2.1", "2001:db8::1", "A.example.TEST",
	    "A@example.test", "C=CH, O=Example\\, Ltd., CN=a"};
	static const char *const bad[] = {"192.0.2.2", "2001:db8::2", "b.example.test",
	    "a.example.tes", "b@example.test", "@a@example.test", "C=CH, O=Example\\, Ltd., CN=b",
	    "CN=a", "@a", "keyid:a"};

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++)
		check("a-chain.pem", "root.pem", good[i], ERR_OK, "");
	for (size_t i = 0; i < COUNT(bad); i++)
		check("a-chain.pem", "root.pem", bad[i], ERR_AUTH,
		    "the certificate that it sent is for C=CH, O=Example\\, Ltd., CN=a");
	/* Bit by bit: the same name in other letters is another. */
	check("a-chain.pem", "root.pem", "C=CH, O=Example\\, Ltd., CN=A", ERR_AUTH,
	    "has that name in other octets");
	/* No patterns in certificates. */
	check("wild.pem", "root.pem", "x.example.test", ERR_AUTH, "does not have that identity");
}

static void chains_must_lead_to_an_authority(void **state)
{
	(void)state;
	/* The one between is missing, and the peer did not send it. */
	check("a.pem", "root.pem", "a.example.test", ERR_AUTH, "CN=a cannot be trusted");
	/* Whom the file names is trusted, be it a root or not. */
	check("a.pem", "sub.pem", "a.example.test", ERR_OK, "");
	check(
	    "b.pem", "other.pem", "b.example.test", ERR_AUTH, "no authority of this peer's entry");
	check("self.pem", "root.pem", "self.example.test", ERR_AUTH, "CN=self cannot be trusted");
	check("child.pem", "root.pem", "child.example.test", ERR_AUTH, "CN=child");
	check("child.pem", "b.pem", "child.example.test", ERR_AUTH, "cannot be trusted");
	check("b.pem", NULL, "b.example.test", ERR_AUTH, "cannot be trusted");
}

static void weak_certificates_are_refused(void **state)
{
	(void)state;
	check("old.pem", "root.pem", "old.example.test", ERR_AUTH, "SHA-256");
}

static void uses_are_minded(void **state)
{
	(void)state;
	check("tls.pem", "root.pem", "tls.example.test", ERR_AUTH, "CN=tls is not for IKE");
	check("encipher.pem", "root.pem", "encipher.example.test", ERR_AUTH,
	    "CN=encipher is not for signatures");
}

static void times_are_minded(void **state)
{
	struct signed_hash *made = make_signature("b.pem");
	struct credentials_request request;

	(void)state;
	load(NULL, "root.pem");
	request = verification(made, "b.example.test");
	request.now = now - 3600;
	assert_int_equal(run(request), ERR_EXPIRED);
	request.now = now + 3651LL * 86400;
	assert_int_equal(run(request), ERR_EXPIRED);
	expect(ERR_EXPIRED, "expired");
	credentials_free(bench.set);
}

static void signatures_must_be_right(void **state)
{
	struct signed_hash *made = make_signature("b.pem");
	struct credentials_request request;

	(void)state;
	load(NULL, "root.pem");
	made->signature[5] ^= 1;
	(void)run(verification(made, "b.example.test"));
	expect(ERR_AUTH, "the signature was not made with the key of the certificate C=CH, "
			 "O=Example, CN=b");
	made->signature[5] ^= 1;
	request = verification(made, "b.example.test");
	request.scheme = CREDENTIALS_RSA_BARE;
	(void)run(request);
	expect(ERR_UNSUPPORTED, "is not one for RSA signatures");
	/* Octets that are no certificate, and a good one behind them: order means nothing. */
	request = verification(made, "b.example.test");
	request.certificates[3] = request.certificates[0];
	request.certificates[0] = bytes_of("\x30\x03garbage", 9);
	request.certificates[1] = (struct bytes){0};
	request.certificates[2] = bytes_of(made->certificates[0], made->certificate_lens[0] - 1);
	request.certificate_count = 4;
	assert_int_equal(run(request), ERR_OK);
	assert_string_equal(bench.done.subject, "C=CH, O=Example, CN=b");
	request.certificate_count = 3;
	(void)run(request);
	expect(ERR_NOT_FOUND, "sent no certificate");
	credentials_free(bench.set);
}

static void revoked_ones_are_refused(void **state)
{
	static const enum credentials_crl_policy policies[] = {
	    CREDENTIALS_CRL_IF_PRESENT, CREDENTIALS_CRL_REQUIRE};
	struct signed_hash *made = make_signature("revoked.pem");
	struct credentials_request request;

	(void)state;
	load(NULL, "root.pem");
	assert_int_equal(run(verification(made, "revoked.example.test")), ERR_OK);
	bench.crls[0] = pki_path("root.crl");
	bench.settings.crl_count = 1;
	reload(); /* the policy says that nobody looks */
	assert_int_equal(run(verification(made, "revoked.example.test")), ERR_OK);
	for (size_t i = 0; i < 2; i++) {
		bench.settings.crl_policy = policies[i];
		bench.crls[0] = pki_path(i == 0 ? "root.crl" : "root.crl.der");
		reload();
		(void)run(verification(made, "revoked.example.test"));
		expect(ERR_DENIED, "CN=revoked cannot be trusted: certificate revoked");
		/* An old list still knows who was revoked. */
		request = verification(made, "revoked.example.test");
		request.now = now + 40 * 86400;
		assert_int_equal(run(request), i == 0 ? ERR_DENIED : ERR_UNAVAILABLE);
	}
	credentials_free(bench.set);
}

static void lists_may_be_required(void **state)
{
	struct signed_hash *made = make_signature("a-chain.pem");
	struct credentials_request request;

	(void)state;
	load(NULL, "root.pem");
	bench.settings.crl_policy = CREDENTIALS_CRL_IF_PRESENT;
	reload();
	assert_int_equal(run(verification(made, "a.example.test")), ERR_OK);
	bench.settings.crl_policy = CREDENTIALS_CRL_REQUIRE;
	reload();
	(void)run(verification(made, "a.example.test"));
	expect(ERR_UNAVAILABLE, "CN=a cannot be trusted: unable to get certificate CRL");
	bench.crls[0] = pki_path("sub.crl");
	bench.settings.crl_count = 1;
	reload();
	(void)run(verification(made, "a.example.test"));
	expect(ERR_UNAVAILABLE, "CN=sub cannot be trusted");
	bench.crls[1] = pki_path("root.crl");
	bench.settings.crl_count = 2;
	reload();
	assert_int_equal(run(verification(made, "a.example.test")), ERR_OK);
	request = verification(made, "a.example.test");
	request.now = now + 40 * 86400;
	(void)run(request);
	expect(ERR_UNAVAILABLE, "CRL has expired");
	/* Whoever is trusted by itself needs no list about itself. */
	bench.authorities[0] = pki_path("sub.pem");
	bench.settings.crl_count = 1;
	reload();
	assert_int_equal(run(verification(made, "a.example.test")), ERR_OK);
	credentials_free(bench.set);
}

/* Without authorities the file names certificates, each for itself. */
static void peers_may_be_named_one_by_one(void **state)
{
	struct signed_hash *made = make_signature("self.pem");
	struct credentials_request request;

	(void)state;
	load(NULL, NULL);
	bench.settings.peer_certificates = pki_path("self.pem");
	reload();
	assert_int_equal(run(verification(made, "self.example.test")), ERR_OK);
	request = verification(made, "self.example.test");
	request.certificate_count = 0; /* it need not send it */
	assert_int_equal(run(request), ERR_OK);
	request.now = now + 3651LL * 86400;
	(void)run(request);
	expect(ERR_EXPIRED, "CN=self is not valid at this time");
	credentials_free(bench.set);

	/* It vouches for nobody else, authority though it may call itself. */
	made = make_signature("b.pem");
	load(NULL, NULL);
	bench.settings.peer_certificates = pki_path("root.pem");
	reload();
	(void)run(verification(made, "b.example.test"));
	expect(ERR_AUTH, "CN=b cannot be trusted");
	credentials_free(bench.set);
	/* And where authorities are named as well, they decide. */
	made = make_signature("self.pem");
	load(NULL, "root.pem");
	bench.settings.peer_certificates = pki_path("self.pem");
	reload();
	(void)run(verification(made, "self.example.test"));
	expect(ERR_AUTH, "CN=self cannot be trusted");
	credentials_free(bench.set);
}

static void files_are_judged(void **state)
{
	static const struct {
		const char *certificate, *key, *authority;
		enum err error;
		const char *words;
	} bad[] = {
	    {"b.pem", "a.key", NULL, ERR_INVALID, "is not that of the first certificate in"},
	    {"b.pem", "open.key", NULL, ERR_DENIED, "must not be open to others"},
	    {"b.pem", "locked.key", NULL, ERR_UNSUPPORTED, "is encrypted"},
	    {"b.pem", "b.pem", NULL, ERR_DENIED, "must not be open to others"},
	    {"b.pem", "none.key", NULL, ERR_NOT_FOUND, "none.key cannot be opened"},
	    {"none.pem", "b.key", NULL, ERR_NOT_FOUND, "none.pem cannot be opened"},
	    {"b.key", "b.key", NULL, ERR_NOT_FOUND, "b.key has no certificate in it"},
	    {"authorities", "b.key", NULL, ERR_INVALID, "is not that of the first certificate"},
	    {"small.pem", "small.key", NULL, ERR_UNSUPPORTED, "RSA of 2048 to 8192 bits"},
	    {"edwards.pem", "edwards.key", NULL, ERR_UNSUPPORTED, "none that IKE can use"},
	    {NULL, NULL, "none", ERR_NOT_FOUND, "none cannot be opened"},
	    {NULL, NULL, "authorities/README", ERR_NOT_FOUND, "has no certificate in it"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		const char *authority = pki_path(bad[i].authority);
		struct credentials_settings settings = {.certificate = pki_path(bad[i].certificate),
		    .private_key = pki_path(bad[i].key),
		    .authorities = &authority,
		    .authority_count = authority != NULL ? 1 : 0};
		struct credentials *set = NULL;
		struct problem problem = {0};

		assert_int_equal(credentials_load(&settings, &set, &problem), bad[i].error);
		assert_int_equal(problem.code, bad[i].error);
		if (strstr(problem.text, bad[i].words) == NULL)
			fail_msg("\"%s\" is not in: %s", bad[i].words, problem.text);
	}
	/* DER is read too. */
	load(NULL, "b.der");
	credentials_free(bench.set);
}

/* A list of revoked certificates is renewed while the daemon runs. */
static void changed_files_are_read_anew(void **state)
{
	struct signed_hash *made = make_signature("revoked.pem");
	struct credentials_request request;

	(void)state;
	pki_run("mkdir crls");
	load(NULL, "root.pem");
	bench.crls[0] = pki_path("crls");
	bench.settings.crl_count = 1;
	bench.settings.crl_policy = CREDENTIALS_CRL_IF_PRESENT;
	reload();
	request = verification(made, "revoked.example.test");
	assert_int_equal(run(request), ERR_OK);
	pki_run("cp root.crl crls/");
	request.now = now + 9;
	assert_int_equal(run(request), ERR_OK);
	request.now = now + 20;
	assert_int_equal(run(request), ERR_DENIED);
	/* What cannot be read does not take the place of what could, and is told of. */
	pki_run("mv root.pem root.away");
	request.now = now + 40;
	(void)run(request);
	expect(ERR_DENIED, "certificate revoked. The files have changed and cannot be read: ");
	pki_run("mv root.away root.pem");
	request.now = now + 60;
	assert_int_equal(run(request), ERR_DENIED);
	assert_null(strstr(bench.done.problem.text, "cannot be read"));
	credentials_free(bench.set);
}

static void encryption_goes_there_and_back(void **state)
{
	static const uint8_t nonce[32] = "a nonce of thirty-two octets...";
	uint8_t sealed[2][256];
	struct credentials_request request = {.operation = CREDENTIALS_ENCRYPT,
	    .part_count = 2,
	    .parts = {bytes_of(nonce, 32), bytes_of("identity", 8)}};
	struct credentials_request opening = {.operation = CREDENTIALS_DECRYPT,
	    .part_count = 2,
	    .parts = {bytes_of(sealed[0], 256), bytes_of(sealed[1], 256)},
	    .part_min = {8, 4},
	    .part_max = {256, 4096}};
	struct problem problem;

	(void)state;
	load(NULL, "root.pem");
	bench.settings.peer_certificates = pki_path("a.pem");
	bench.authorities[0] = pki_path("sub.pem");
	reload();
	assert_int_equal(
	    ike_identity_parse("a.example.test", bench.identity, &request.identity, &problem),
	    ERR_OK);
	assert_int_equal(run(request), ERR_OK);
	assert_int_equal(bench.done.part_count, 2);
	assert_int_equal(bench.done.certificate_count, 1);
	assert_string_equal(bench.done.subject, "C=CH, O=Example\\, Ltd., CN=a");
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(bench.done.parts[i].len, 256);
		memcpy(sealed[i], bench.done.parts[i].data, 256);
	}
	/* Somebody whom nobody knows gets what he cannot read. */
	request.identity = (struct ike_identity){77, bytes_of("???", 3)};
	assert_int_equal(run(request), ERR_OK);
	request.parts[0].len = 246;
	(void)run(request);
	expect(ERR_TOO_LONG, "246 octets cannot be encrypted with the key of");
	credentials_free(bench.set);

	load("a.pem", NULL);
	assert_int_equal(run(opening), ERR_OK);
	assert_true(bytes_equal(bench.done.parts[0], bytes_of(nonce, 32)));
	assert_true(bytes_equal(bench.done.parts[1], bytes_of("identity", 8)));
	assert_int_equal(bench.done.certificate_count, 1);
	/* Spoiled, it gives something else and the same answer. */
	sealed[0][9] ^= 1;
	assert_int_equal(run(opening), ERR_OK);
	assert_false(bytes_equal(bench.done.parts[0], bytes_of(nonce, 32)));
	assert_in_range(bench.done.parts[0].len, 8, 245);
	assert_true(bytes_equal(bench.done.parts[1], bytes_of("identity", 8)));
	credentials_free(bench.set);

	load("b.pem", NULL);
	(void)run(opening);
	expect(ERR_UNSUPPORTED, "is no RSA key");
	credentials_free(bench.set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sets_describe_themselves),
	    cmocka_unit_test(names_are_encoded_as_in_the_certificate),
	    cmocka_unit_test(every_kind_of_key_authenticates),
	    cmocka_unit_test(identities_must_be_in_the_certificate),
	    cmocka_unit_test(chains_must_lead_to_an_authority),
	    cmocka_unit_test(weak_certificates_are_refused),
	    cmocka_unit_test(uses_are_minded),
	    cmocka_unit_test(times_are_minded),
	    cmocka_unit_test(signatures_must_be_right),
	    cmocka_unit_test(revoked_ones_are_refused),
	    cmocka_unit_test(lists_may_be_required),
	    cmocka_unit_test(peers_may_be_named_one_by_one),
	    cmocka_unit_test(files_are_judged),
	    cmocka_unit_test(changed_files_are_read_anew),
	    cmocka_unit_test(encryption_goes_there_and_back),
	};

	return cmocka_run_group_tests(tests, make_files, pki_remove);
}
