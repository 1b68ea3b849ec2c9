/*
 * What each request must be answered with: the error code and which fields are set. The same
 * scenarios, in the same order, run against either implementation.
 */
#include "conformance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define USAGE_ENCRYPTION 39
#define USAGE_CHECKSUM   40
#define SERVER_B         "kink/b.example.test@EXAMPLE.TEST"
#define SERVER_C         "kink/c.example.test@EXAMPLE.TEST"
#define MESSAGE_MAX      4096

/* Fields of a completion that are set, as bits. */
enum {
	SESSION = 1,
	AP = 2,
	PLAIN = 4,
	MESSAGE = 8, /* with its checksum */
	REPLY_ERROR = 16,
	REMOTE_ERROR = 32,
	NAMES = 64, /* client and server, and the authenticator's time */
	KEYMAT = 128,
	LENGTHS = 256,
	TICKET_END = 512,
	REMEDY = 1024,
	TGT = 2048
};

struct octets {
	size_t len;
	uint8_t data[MESSAGE_MAX];
};

/* A message as KINK lays it out: an AP in clear, then what is sealed; the checksum over both. */
struct parts {
	struct octets ap;
	struct octets message;
	struct octets checksum;
	size_t head_len;
	size_t sealed_len;
	struct kerberos_lengths lengths;
};

struct check {
	const struct sim_realm *realm;
	struct sim_random random;
	void *a;
	void *b;
	bool good;
	uint64_t session; /* of the completion looked at last */
	struct octets ap;
	struct octets plain;
	struct octets message;
	struct octets checksum;
	struct octets keymat;
	struct octets reply_error;
	struct octets tgt;
	enum kerberos_remedy remedy;
	struct kerberos_lengths lengths;
	char client[KERBEROS_NAME_MAX];
};

static void keep(struct octets *out, struct bytes from)
{
	if (from.len > sizeof(out->data))
		abort();
	out->len = from.len;
	if (from.len > 0)
		memcpy(out->data, from.data, from.len);
}

static struct bytes view(const struct octets *octets)
{
	return bytes_of(octets->data, octets->len);
}

static unsigned fields_of(const struct kerberos_completion *completion)
{
	return (completion->session != KERBEROS_SESSION_NONE ? SESSION : 0U) |
	       (completion->ap.len > 0 ? AP : 0U) | (completion->plain.len > 0 ? PLAIN : 0U) |
	       (completion->message.len > 0 && completion->checksum.len > 0 ? MESSAGE : 0U) |
	       (completion->reply_error.len > 0 ? REPLY_ERROR : 0U) |
	       (completion->remote_error != 0 ? REMOTE_ERROR : 0U) |
	       (completion->client != NULL && completion->server != NULL &&
			   completion->authenticator_us != 0
		       ? NAMES
		       : 0U) |
	       (completion->keymat_count > 0 ? KEYMAT : 0U) |
	       (completion->lengths.seal_overhead > 0 && completion->lengths.checksum > 0 ? LENGTHS
											  : 0U) |
	       (completion->ticket_end != 0 ? TICKET_END : 0U) |
	       (completion->remedy != KERBEROS_REMEDY_NONE ? REMEDY : 0U) |
	       (completion->tgt.len > 0 ? TGT : 0U);
}

/* Runs a request on a or b and holds its answer to what is expected. */
static void ask(struct check *check, const char *what, void *on,
    const struct kerberos_request *request, enum err code, unsigned fields)
{
	struct kerberos_completion completion;
	unsigned found;

	check->realm->run(on, request, &completion);
	found = fields_of(&completion);
	if (completion.problem.code != code || found != fields ||
	    completion.operation != request->operation || completion.token != request->token ||
	    completion.affinity != request->affinity) {
		printf("%s: %s: answered \"%s\" with fields 0x%x (%s) where \"%s\" with 0x%x is "
		       "expected\n",
		    check->realm->name, what, err_text(completion.problem.code), found,
		    completion.problem.text, err_text(code), fields);
		check->good = false;
	}
	check->session = completion.session;
	check->lengths = completion.lengths;
	keep(&check->ap, completion.ap);
	keep(&check->plain, completion.plain);
	keep(&check->message, completion.message);
	keep(&check->checksum, completion.checksum);
	keep(&check->reply_error, completion.reply_error);
	keep(&check->tgt, completion.tgt);
	check->remedy = completion.remedy;
	keep(
	    &check->keymat, completion.keymat_count > 0 ? completion.keymat[0] : (struct bytes){0});
	(void)snprintf(check->client, sizeof(check->client), "%s",
	    completion.client != NULL ? completion.client : "");
}

static void expect(struct check *check, const char *what, bool holds)
{
	if (!holds) {
		printf("%s: %s: does not hold\n", check->realm->name, what);
		check->good = false;
	}
}

static struct kerberos_request request_of(enum kerberos_operation operation, uint64_t session)
{
	return (struct kerberos_request){.operation = operation,
	    .token = 0x1234567890abcdULL,
	    .affinity = 77,
	    .session = session,
	    .encryption_usage = USAGE_ENCRYPTION,
	    .checksum_usage = USAGE_CHECKSUM};
}

static void ticket(
    struct check *check, const char *what, const char *server, enum err code, unsigned fields)
{
	struct kerberos_request request = request_of(KERBEROS_REQUEST, 0);

	request.server = server;
	request.min_lifetime = 60;
	ask(check, what, check->a, &request, code, fields);
}

/* A message around an AP; the AP stands at its beginning. */
static void protect(struct check *check, void *on, uint64_t session, const struct octets *ap,
    struct kerberos_lengths lengths, const char *plain, struct parts *out)
{
	struct kerberos_request request = request_of(KERBEROS_PROTECT, session);
	struct kerberos_completion completion;
	uint8_t head[MESSAGE_MAX];

	out->ap = *ap;
	out->lengths = lengths;
	out->head_len = (ap->len + 3) & ~(size_t)3;
	memset(head, 0, sizeof(head));
	memcpy(head, ap->data, ap->len);
	request.head = bytes_of(head, out->head_len);
	request.plain = bytes_of(plain, strlen(plain));
	check->realm->run(on, &request, &completion);
	keep(&out->message, completion.message);
	keep(&out->checksum, completion.checksum);
	out->sealed_len = strlen(plain) > 0 ? strlen(plain) + lengths.seal_overhead : 0;
	if (completion.problem.code != ERR_OK || fields_of(&completion) != MESSAGE ||
	    out->message.len != ((out->head_len + out->sealed_len + 3) & ~(size_t)3) ||
	    out->checksum.len != lengths.checksum) {
		printf("%s: a message is not as the lengths say: %s\n", check->realm->name,
		    completion.problem.text);
		check->good = false;
	}
}

static struct kerberos_request opening(
    enum kerberos_operation operation, uint64_t session, const struct parts *parts)
{
	struct kerberos_request request = request_of(operation, session);

	request.ap = view(&parts->ap);
	request.signed_part = view(&parts->message);
	request.checksum = view(&parts->checksum);
	if (parts->sealed_len > 0)
		request.sealed = bytes_of(&parts->message.data[parts->head_len], parts->sealed_len);
	return request;
}

/* A fresh command of a to b. Returns a's session. */
static uint64_t command(struct check *check, const char *plain, struct parts *out)
{
	uint64_t session;

	ticket(check, "a ticket", SERVER_B, ERR_OK, SESSION | AP | LENGTHS | TICKET_END);
	session = check->session;
	protect(check, check->a, session, &check->ap, check->lengths, plain, out);
	return session;
}

#define ACCEPTED (SESSION | AP | NAMES | LENGTHS | TICKET_END)
/* Its AP-REQ is not good, but its ticket and its checksum are: the error can be signed. */
#define REFUSED  (SESSION | NAMES | LENGTHS | TICKET_END | REPLY_ERROR)

static void release(struct check *check, void *on, uint64_t session)
{
	check->realm->release(on, session);
}

static void accept(struct check *check, const char *what, const struct parts *parts, enum err code,
    unsigned fields)
{
	struct kerberos_request request = opening(KERBEROS_ACCEPT, 0, parts);

	ask(check, what, check->b, &request, code, fields);
	if (check->session != KERBEROS_SESSION_NONE)
		release(check, check->b, check->session);
}

static void check_accept(struct check *check)
{
	struct parts good;
	struct parts bad;
	struct kerberos_request request;
	uint64_t session = command(check, "what is secret", &good);

	bad = good;
	bad.checksum.data[0] ^= 1;
	accept(check, "a changed checksum", &bad, ERR_AUTH, NAMES | TICKET_END);
	bad = good;
	bad.checksum.len--;
	accept(check, "a short checksum", &bad, ERR_AUTH, NAMES | TICKET_END);
	bad = good;
	bad.checksum.len = 0;
	accept(check, "no checksum", &bad, ERR_AUTH, 0);
	bad = good;
	bad.message.data[1] ^= 1;
	accept(check, "a changed message", &bad, ERR_AUTH, NAMES | TICKET_END);
	request = opening(KERBEROS_ACCEPT, 0, &good);
	request.sealed.len -= 1;
	ask(check, "a short ciphertext", check->b, &request, ERR_AUTH, NAMES | TICKET_END);
	request = opening(KERBEROS_ACCEPT, 0, &good);
	request.encryption_usage++;
	ask(check, "another key usage", check->b, &request, ERR_AUTH, NAMES | TICKET_END);
	bad = good;
	bad.ap.len = 3;
	accept(check, "three octets as AP-REQ", &bad, ERR_INVALID, 0);
	bad = good;
	memset(bad.ap.data, 0x55, bad.ap.len);
	accept(check, "noise as AP-REQ", &bad, ERR_INVALID, 0);
	bad = good;
	bad.ap.data[bad.ap.len - 1] ^= 1;
	accept(check, "a changed authenticator", &bad, ERR_AUTH, REPLY_ERROR);
	/* None of these has used the authenticator up. */
	request = opening(KERBEROS_ACCEPT, 0, &good);
	ask(check, "a good command", check->b, &request, ERR_OK, ACCEPTED | PLAIN);
	expect(check, "the plaintext comes back",
	    bytes_equal(view(&check->plain), bytes_of("what is secret", 14)));
	expect(check, "the client is named",
	    strcmp(check->client, "kink/a.example.test@EXAMPLE.TEST") == 0);
	release(check, check->b, check->session);
	accept(check, "the same again", &good, ERR_REPLAY, REFUSED);
	release(check, check->a, session);
	session = command(check, "", &good);
	accept(check, "a command with nothing sealed", &good, ERR_OK, ACCEPTED);
	release(check, check->a, session);
	/* A command for c that is sent to b. */
	ticket(
	    check, "a ticket for another", SERVER_C, ERR_OK, SESSION | AP | LENGTHS | TICKET_END);
	session = check->session;
	protect(check, check->a, session, &check->ap, check->lengths, "", &bad);
	accept(check, "a ticket of another server", &bad, ERR_NOT_FOUND, REPLY_ERROR);
	release(check, check->a, session);
}

static void verify(struct check *check, const char *what, uint64_t session,
    const struct parts *parts, enum err code, unsigned fields)
{
	struct kerberos_request request = opening(KERBEROS_VERIFY, session, parts);

	ask(check, what, check->a, &request, code, fields);
}

static void check_errors(struct check *check, uint64_t session, const struct octets *krb_error)
{
	struct kerberos_request request = request_of(KERBEROS_VERIFY, session);

	request.krb_error = view(krb_error);
	ask(check, "a bare KRB-ERROR", check->a, &request, ERR_REFUSED, REMOTE_ERROR);
	request.krb_error = bytes_of("no error at all", 15);
	ask(check, "a malformed KRB-ERROR", check->a, &request, ERR_INVALID, 0);
	request.krb_error = view(krb_error);
	request.signed_part = view(krb_error);
	request.checksum = bytes_of("123456789012", 12);
	ask(check, "a KRB-ERROR with a wrong checksum", check->a, &request, ERR_AUTH, 0);
}

static void check_verify(struct check *check)
{
	struct parts first;
	struct parts second;
	struct parts reply;
	struct parts bad;
	struct kerberos_request request;
	uint64_t session = command(check, "x", &first);
	uint64_t other;
	uint64_t answering;

	request = request_of(KERBEROS_REPEAT, session);
	ask(check, "another AP-REQ", check->a, &request, ERR_OK, AP | LENGTHS | TICKET_END);
	protect(check, check->a, session, &check->ap, check->lengths, "x", &second);
	expect(
	    check, "its authenticator is fresh", !bytes_equal(view(&first.ap), view(&second.ap)));
	accept(check, "the second comes first", &second, ERR_OK, ACCEPTED | PLAIN);
	request = opening(KERBEROS_ACCEPT, 0, &first);
	ask(check, "then the first", check->b, &request, ERR_OK, ACCEPTED | PLAIN);
	answering = check->session;
	protect(check, check->b, answering, &check->ap, check->lengths, "the answer", &reply);
	bad = reply;
	bad.checksum.data[0] ^= 1;
	verify(check, "a reply with a changed checksum", session, &bad, ERR_AUTH, 0);
	bad = reply;
	bad.ap.data[bad.ap.len - 1] ^= 1;
	verify(check, "a changed AP-REP", session, &bad, ERR_AUTH, 0);
	bad = reply;
	bad.ap = first.ap;
	verify(check, "an AP-REQ as AP-REP", session, &bad, ERR_AUTH, 0);
	other = command(check, "y", &bad);
	verify(check, "the reply to another transaction", other, &reply, ERR_AUTH, 0);
	release(check, check->a, other);
	verify(check, "a session that is gone", other, &reply, ERR_INVALID, 0);
	verify(check, "the reply to the first AP-REQ", session, &reply, ERR_OK, PLAIN);
	expect(check, "the answer comes back",
	    bytes_equal(view(&check->plain), bytes_of("the answer", 10)));
	verify(check, "the same reply again", session, &reply, ERR_OK, PLAIN);
	accept(check, "a replay, for its KRB-ERROR", &first, ERR_REPLAY, REFUSED);
	check_errors(check, session, &check->reply_error);
	request = request_of(KERBEROS_REPEAT, answering);
	ask(check, "an AP-REQ of an acceptor's session", check->b, &request, ERR_INVALID, 0);
	release(check, check->a, session);
	release(check, check->b, answering);
	release(check, check->b, answering);
}

/*
 * A message built in one step with its AP-REQ: head has four octets, then two lengths to be added
 * to, the AP-REQ's place, and two octets behind it, which hold a third.
 */
static void check_building(struct check *check)
{
	static const uint8_t head[] = {1, 2, 0, 0, 0, 4, 0, 8, 9, 9, 0, 4};
	struct kerberos_request request = request_of(KERBEROS_REQUEST, 0);
	struct octets message;
	struct octets checksum;
	struct reader reader;
	struct bytes ap_req;
	size_t sealed_len;
	uint64_t session;

	request.server = SERVER_B;
	request.min_lifetime = 60;
	request.head = bytes_of(head, sizeof(head));
	request.plain = bytes_of("built", 5);
	request.length_offset = 2;
	request.ap_length_offset = 4;
	request.ap_offset = 8;
	request.sealed_length_offset = 10;
	request.derivation_count = 1;
	request.derivations[0] = (struct kerberos_derivation){bytes_of("seed", 4), 36};
	ask(check, "a message with its AP-REQ", check->a, &request, ERR_OK,
	    SESSION | AP | LENGTHS | TICKET_END | MESSAGE | KEYMAT);
	session = check->session;
	message = check->message;
	checksum = check->checksum;
	sealed_len = 5 + check->lengths.seal_overhead;
	reader = reader_of(view(&message));
	expect(check, "the head begins it", reader_u16(&reader) == 0x0102);
	expect(check, "its length is set", reader_u16(&reader) == message.len);
	expect(check, "the AP-REQ's length is added", reader_u16(&reader) == 4 + check->ap.len);
	expect(check, "other numbers stay", reader_u16(&reader) == 8);
	ap_req = reader_take(&reader, check->ap.len);
	expect(check, "the AP-REQ is in its place", bytes_equal(ap_req, view(&check->ap)));
	(void)reader_take(&reader, (4 - check->ap.len % 4) % 4);
	expect(check, "the head goes on behind it", reader_u16(&reader) == 0x0909);
	expect(check, "the ciphertext's length is added", reader_u16(&reader) == 4 + sealed_len);
	request = request_of(KERBEROS_ACCEPT, 0);
	request.ap = ap_req;
	request.sealed = reader_take(&reader, sealed_len);
	request.signed_part = view(&message);
	request.checksum = view(&checksum);
	ask(check, "it is accepted", check->b, &request, ERR_OK, ACCEPTED | PLAIN);
	expect(check, "with its plaintext", bytes_equal(view(&check->plain), bytes_of("built", 5)));
	release(check, check->b, check->session);
	release(check, check->a, session);
}

static void check_keymat(struct check *check)
{
	struct parts parts;
	uint64_t session = command(check, "k", &parts);
	struct kerberos_request request = opening(KERBEROS_ACCEPT, 0, &parts);
	struct kerberos_lengths lengths;
	struct parts reply;
	struct octets ap_rep;
	struct octets keymat;
	uint64_t answering;

	ask(check, "a command", check->b, &request, ERR_OK, ACCEPTED | PLAIN);
	answering = check->session;
	ap_rep = check->ap;
	lengths = check->lengths;
	request = request_of(KERBEROS_PROTECT, session);
	request.derivation_count = 2;
	request.derivations[0] = (struct kerberos_derivation){bytes_of("seed", 4), 68};
	request.derivations[1] = (struct kerberos_derivation){bytes_of("need", 4), 20};
	ask(check, "KEYMAT", check->a, &request, ERR_OK, KEYMAT);
	expect(check, "it has the length asked for", check->keymat.len == 68);
	keymat = check->keymat;
	request.session = answering;
	ask(check, "KEYMAT of the other side", check->b, &request, ERR_OK, KEYMAT);
	expect(check, "both sides have the same", bytes_equal(view(&keymat), view(&check->keymat)));
	request.derivations[0].seed = bytes_of("sead", 4);
	ask(check, "KEYMAT from another seed", check->b, &request, ERR_OK, KEYMAT);
	expect(check, "another seed gives another key",
	    !bytes_equal(view(&keymat), view(&check->keymat)));
	protect(check, check->b, answering, &ap_rep, lengths, "a seed", &reply);
	request = opening(KERBEROS_VERIFY, session, &reply);
	request.derivation_count = 1;
	request.derivations[0] = (struct kerberos_derivation){bytes_of("XXXX", 4), 68};
	request.plain_offset = 2;
	ask(check, "KEYMAT with a reply", check->a, &request, ERR_OK, PLAIN | KEYMAT);
	expect(check, "its seed is what the reply says",
	    bytes_equal(view(&keymat), view(&check->keymat)));
	request.plain_offset = 3;
	ask(check, "KEYMAT from behind the reply's end", check->a, &request, ERR_OK, PLAIN);
	request.plain_offset = 2;
	request.seed_offset = 1;
	ask(check, "KEYMAT from behind the seed's end", check->a, &request, ERR_OK, PLAIN);
	request = request_of(KERBEROS_PROTECT, answering + 1);
	request.derivation_count = 1;
	request.derivations[0] = (struct kerberos_derivation){bytes_of("seed", 4), 68};
	ask(check, "KEYMAT of no session", check->b, &request, ERR_INVALID, 0);
	release(check, check->a, session);
	release(check, check->b, answering);
}

/* The KRB-ERROR that b answers a command with, signed; b's session is released. */
static void refusal(
    struct check *check, const char *what, const struct parts *command_parts, struct parts *out)
{
	struct kerberos_request request = opening(KERBEROS_ACCEPT, 0, command_parts);
	struct octets krb_error;
	uint64_t refusing;

	ask(check, what, check->b, &request, ERR_REPLAY, REFUSED);
	refusing = check->session;
	krb_error = check->reply_error;
	protect(check, check->b, refusing, &krb_error, check->lengths, "", out);
	release(check, check->b, refusing);
}

static void read_refusal(struct check *check, const char *what, uint64_t session,
    const struct parts *parts, bool is_signed, enum kerberos_remedy remedy)
{
	struct kerberos_request request = request_of(KERBEROS_VERIFY, session);

	request.krb_error = view(&parts->ap);
	if (is_signed) {
		request.signed_part = view(&parts->message);
		request.checksum = view(&parts->checksum);
	}
	ask(check, what, check->a, &request, ERR_REFUSED,
	    REMOTE_ERROR | (remedy != KERBEROS_REMEDY_NONE ? REMEDY : 0U));
	expect(check, "it has the remedy expected", check->remedy == remedy);
}

/*
 * RFC 4430 3.5: what is older than b's start counts as the time of a clock that is behind; a is
 * told under the session key, and only then corrects its own.
 */
static void check_restart(struct check *check, const struct sim_realm_settings *settings)
{
	struct kerberos_request request;
	struct parts first;
	struct parts second;
	struct parts error;
	struct parts other_error;
	uint64_t session = command(check, "z", &first);
	uint64_t other;

	request = request_of(KERBEROS_REPEAT, session);
	ask(check, "another AP-REQ", check->a, &request, ERR_OK, AP | LENGTHS | TICKET_END);
	protect(check, check->a, session, &check->ap, check->lengths, "z", &second);
	check->realm->close(check->b);
	check->b = check->realm->open(settings);
	refusal(check, "an authenticator from before the start", &first, &error);
	refusal(check, "another one", &second, &other_error);
	other = command(check, "y", &first);
	read_refusal(check, "without its checksum", session, &error, false, KERBEROS_REMEDY_NONE);
	read_refusal(check, "to another transaction", other, &error, true, KERBEROS_REMEDY_NONE);
	read_refusal(check, "that is the peer's", session, &error, true, KERBEROS_REMEDY_REPEAT);
	/* Less than a second is no difference to correct. */
	read_refusal(check, "to what was sent before that", session, &other_error, true,
	    KERBEROS_REMEDY_REPEAT);
	request = request_of(KERBEROS_REPEAT, session);
	ask(check, "an AP-REQ by the peer's clock", check->a, &request, ERR_OK,
	    AP | LENGTHS | TICKET_END);
	protect(check, check->a, session, &check->ap, check->lengths, "z", &second);
	accept(check, "which is accepted", &second, ERR_OK, ACCEPTED | PLAIN);
	refusal(check, "and not twice", &second, &error);
	read_refusal(check, "a replay", session, &error, true, KERBEROS_REMEDY_WAIT);
	request = request_of(KERBEROS_VERIFY, session);
	request.krb_error = view(&error.ap);
	request.proven = true;
	ask(check, "a KRB-ERROR out of a good reply", check->a, &request, ERR_REFUSED,
	    REMOTE_ERROR | REMEDY);
	release(check, check->a, other);
	release(check, check->a, session);
	session = command(check, "z", &first);
	accept(check, "one from after it", &first, ERR_OK, ACCEPTED | PLAIN);
	release(check, check->a, session);
}

/* A user-to-user command of a to b; returns a's session. */
static uint64_t user_command(struct check *check, const struct octets *tgt, struct parts *out)
{
	struct kerberos_request request = request_of(KERBEROS_REQUEST, 0);
	uint64_t session;

	request.server = SERVER_B;
	request.min_lifetime = 60;
	request.tgt = view(tgt);
	ask(check, "a user-to-user ticket", check->a, &request, ERR_OK,
	    SESSION | AP | LENGTHS | TICKET_END);
	session = check->session;
	protect(check, check->a, session, &check->ap, check->lengths, "u", out);
	return session;
}

static void own_ticket(
    struct check *check, const char *what, const char *name, enum err code, unsigned fields)
{
	struct kerberos_request request = request_of(KERBEROS_TGT, 0);

	request.server = name;
	ask(check, what, check->b, &request, code, fields);
}

static void check_user_to_user(struct check *check, const struct sim_realm_settings *settings)
{
	struct kerberos_request request = request_of(KERBEROS_REQUEST, 0);
	struct octets tgt;
	struct parts parts;
	uint64_t session;
	uint64_t other;

	own_ticket(check, "another's ticket", SERVER_C, ERR_NOT_FOUND, REPLY_ERROR);
	own_ticket(check, "b's own ticket", SERVER_B, ERR_OK, TGT);
	tgt = check->tgt;
	session = user_command(check, &tgt, &parts);
	accept(check, "a user-to-user command", &parts, ERR_OK, ACCEPTED | PLAIN);
	accept(check, "the same again", &parts, ERR_REPLAY, REFUSED);
	other = command(check, "x", &parts);
	accept(check, "a usual one beside it", &parts, ERR_OK, ACCEPTED | PLAIN);
	release(check, check->a, other);
	release(check, check->a, session);
	request.server = SERVER_C;
	request.tgt = view(&tgt);
	ask(check, "a ticket for c under b's", check->a, &request, ERR_AUTH, 0);
	request.tgt = bytes_of("no ticket", 9);
	ask(check, "a ticket under none", check->a, &request, ERR_INVALID, 0);
	/* b loses its ticket with its state (RFC 4430 3.7.1). */
	check->realm->close(check->b);
	check->b = check->realm->open(settings);
	own_ticket(check, "its new one", SERVER_B, ERR_OK, TGT);
	session = user_command(check, &tgt, &parts);
	accept(check, "a command under the old one", &parts, ERR_AUTH, REPLY_ERROR | TGT);
	release(check, check->a, session);
	tgt = check->tgt;
	session = user_command(check, &tgt, &parts);
	accept(check, "a command under the new one", &parts, ERR_OK, ACCEPTED | PLAIN);
	release(check, check->a, session);
}

static int64_t time_us(void *context)
{
	struct timespec now;

	(void)context;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static bool never(void *context)
{
	(void)context;
	return false;
}

static uint32_t oldest_key(void *context)
{
	(void)context;
	return 1;
}

static uint32_t key_version(void *context, const char *principal)
{
	(void)context;
	return strcmp(principal, SERVER_B) == 0 || strcmp(principal, SERVER_C) == 0;
}

bool sim_conforms(const struct sim_realm *realm)
{
	struct check *check = calloc(1, sizeof(*check));
	struct sim_realm_settings a = {.secret = 1,
	    .starts_as = "kink/a.example.test@EXAMPLE.TEST",
	    .answers_as = "kink/a.example.test@EXAMPLE.TEST",
	    .ticket_life = 3600,
	    .time_us = time_us,
	    .kdc_away = never,
	    .ticket_over = never,
	    .key_version = key_version,
	    .oldest_key = oldest_key};
	struct sim_realm_settings b;
	bool good;

	if (check == NULL)
		abort();
	check->realm = realm;
	check->good = true;
	sim_random_init(&check->random, 1, 1);
	a.random = &check->random;
	b = a;
	b.starts_as = SERVER_B;
	b.answers_as = SERVER_B;
	check->a = realm->open(&a);
	check->b = realm->open(&b);
	ticket(check, "a ticket for nobody", "kink/nobody.example.test@EXAMPLE.TEST", ERR_NOT_FOUND,
	    0);
	check_accept(check);
	check_verify(check);
	check_building(check);
	check_keymat(check);
	check_restart(check, &b);
	check_user_to_user(check, &b);
	realm->close(check->a);
	realm->close(check->b);
	good = check->good;
	free(check);
	return good;
}
