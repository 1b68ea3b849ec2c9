/*
 * GSS-API's contexts against MIT's own mechanism as the other side, in either role; and what must
 * not pass. RFC 4121, RFC 2743 3.1.
 */
#include "kerberos.h"

#include <gssapi/gssapi_ext.h>
#include <gssapi/gssapi_krb5.h>

#include "base/bytes.h"
#include "kerberos/gss-token.h"

static struct host a;
static struct host b;

#define TOKEN_MAX 4096

struct octets {
	uint8_t data[TOKEN_MAX];
	size_t len;
};

static void keep(struct octets *out, struct bytes from)
{
	assert_in_range(from.len, 1, sizeof(out->data));
	memcpy(out->data, from.data, from.len);
	out->len = from.len;
}

static struct bytes view(const struct octets *octets)
{
	return bytes_of(octets->data, octets->len);
}

static int start(void **state)
{
	(void)state;
	realm_setup();
	host_start(&a, "a.keytab", PRINCIPAL_A, 300);
	host_start(&b, "b.keytab", PRINCIPAL_B, 300);
	next_second();
	return 0;
}

static int stop(void **state)
{
	(void)state;
	host_stop(&a);
	host_stop(&b);
	realm_teardown();
	return 0;
}

/* Our side. */

static uint64_t request(struct octets *token)
{
	struct kerberos_request request = {
	    .operation = KERBEROS_GSS_REQUEST, .server = PRINCIPAL_B, .min_lifetime = 60};
	struct kerberos_completion completion;

	host_run(&a, &request, &completion);
	assert_int_equal(completion.problem.code, ERR_OK);
	assert_true(completion.session != KERBEROS_SESSION_NONE);
	keep(token, completion.ap);
	return completion.session;
}

static enum err accept(struct bytes token, struct octets *answer, uint64_t *session)
{
	struct kerberos_request request = {.operation = KERBEROS_GSS_ACCEPT, .ap = token};
	struct kerberos_completion completion;

	host_run(&b, &request, &completion);
	*session = completion.session;
	if (completion.problem.code != ERR_OK) {
		assert_true(completion.session == KERBEROS_SESSION_NONE);
		return completion.problem.code;
	}
	assert_string_equal(completion.client, PRINCIPAL_A);
	assert_string_equal(completion.server, PRINCIPAL_B);
	keep(answer, completion.ap);
	return ERR_OK;
}

static enum err verify(uint64_t session, struct bytes token)
{
	struct kerberos_request request = {
	    .operation = KERBEROS_GSS_VERIFY, .session = session, .ap = token};
	struct kerberos_completion completion;

	host_run(&a, &request, &completion);
	return completion.problem.code;
}

static enum err wrap(struct host *host, uint64_t session, const char *text, struct octets *out)
{
	struct kerberos_request request = {.operation = KERBEROS_GSS_WRAP,
	    .session = session,
	    .plain = bytes_of(text, strlen(text))};
	struct kerberos_completion completion;

	host_run(host, &request, &completion);
	if (completion.problem.code == ERR_OK)
		keep(out, completion.message);
	return completion.problem.code;
}

static enum err unwrap(struct host *host, uint64_t session, struct bytes token, struct octets *out)
{
	struct kerberos_request request = {
	    .operation = KERBEROS_GSS_UNWRAP, .session = session, .sealed = token};
	struct kerberos_completion completion;

	host_run(host, &request, &completion);
	if (completion.problem.code == ERR_OK)
		keep(out, completion.plain);
	return completion.problem.code;
}

/* MIT's side. */

static gss_buffer_desc buffer_of(struct bytes octets)
{
	return (gss_buffer_desc){.length = octets.len, .value = (void *)(uintptr_t)octets.data};
}

static void take(struct octets *out, gss_buffer_t buffer)
{
	OM_uint32 minor;

	keep(out, bytes_of(buffer->value, buffer->length));
	(void)gss_release_buffer(&minor, buffer);
}

static gss_name_t name_of(const char *principal)
{
	gss_buffer_desc text = buffer_of(bytes_of(principal, strlen(principal)));
	gss_name_t name;
	OM_uint32 minor;

	assert_int_equal(
	    gss_import_name(&minor, &text, (gss_OID)GSS_KRB5_NT_PRINCIPAL_NAME, &name), 0);
	return name;
}

static gss_cred_id_t credential(const char *principal, const char *keytab, gss_cred_usage_t usage)
{
	gss_key_value_element_desc elements[] = {
	    {usage == GSS_C_ACCEPT ? "keytab" : "client_keytab", realm_file(keytab)},
	    {"ccache", "MEMORY:gss"}};
	gss_key_value_set_desc store = {
	    .count = usage == GSS_C_ACCEPT ? 1 : 2, .elements = elements};
	gss_name_t name = name_of(principal);
	gss_cred_id_t out = GSS_C_NO_CREDENTIAL;
	OM_uint32 minor;

	assert_int_equal(gss_acquire_cred_from(&minor, name, GSS_C_INDEFINITE, GSS_C_NO_OID_SET,
			     usage, &store, &out, NULL, NULL),
	    GSS_S_COMPLETE);
	(void)gss_release_name(&minor, &name);
	return out;
}

struct mit {
	gss_cred_id_t credential;
	gss_ctx_id_t context;
};

static void mit_close(struct mit *mit)
{
	OM_uint32 minor;

	(void)gss_delete_sec_context(&minor, &mit->context, GSS_C_NO_BUFFER);
	(void)gss_release_cred(&minor, &mit->credential);
}

static OM_uint32 mit_initiate(
    struct mit *mit, OM_uint32 flags, const struct octets *answer, struct octets *token)
{
	gss_buffer_desc in =
	    answer != NULL ? buffer_of(view(answer)) : (gss_buffer_desc)GSS_C_EMPTY_BUFFER;
	gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
	gss_name_t server = name_of(PRINCIPAL_B);
	OM_uint32 minor;
	OM_uint32 major;

	if (answer == NULL)
		*mit = (struct mit){credential(PRINCIPAL_A, "a.keytab", GSS_C_INITIATE), NULL};
	major = gss_init_sec_context(&minor, mit->credential, &mit->context, server,
	    (gss_OID)gss_mech_krb5, flags, 0, GSS_C_NO_CHANNEL_BINDINGS, &in, NULL, &out, NULL,
	    NULL);
	(void)gss_release_name(&minor, &server);
	if (token != NULL)
		take(token, &out);
	assert_int_equal(out.length, 0);
	return major;
}

static OM_uint32 mit_accept(struct mit *mit, const struct octets *token, struct octets *answer)
{
	gss_buffer_desc in = buffer_of(view(token));
	gss_buffer_desc out = GSS_C_EMPTY_BUFFER;
	OM_uint32 flags = 0;
	OM_uint32 minor;
	OM_uint32 major;

	*mit = (struct mit){credential(PRINCIPAL_B, "b.keytab", GSS_C_ACCEPT), NULL};
	major = gss_accept_sec_context(&minor, &mit->context, mit->credential, &in,
	    GSS_C_NO_CHANNEL_BINDINGS, NULL, NULL, &out, &flags, NULL, NULL);
	assert_int_equal(flags & (GSS_C_MUTUAL_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG),
	    GSS_C_MUTUAL_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG);
	take(answer, &out);
	return major;
}

static void mit_wrap(struct mit *mit, bool sealed, const char *text, struct octets *out)
{
	gss_buffer_desc in = buffer_of(bytes_of(text, strlen(text)));
	gss_buffer_desc token;
	OM_uint32 minor;

	assert_int_equal(
	    gss_wrap(&minor, mit->context, sealed, GSS_C_QOP_DEFAULT, &in, NULL, &token), 0);
	take(out, &token);
}

static void mit_expect(struct mit *mit, const struct octets *token, const char *text)
{
	gss_buffer_desc in = buffer_of(view(token));
	gss_buffer_desc plain;
	int sealed = 0;
	OM_uint32 minor;

	assert_int_equal(gss_unwrap(&minor, mit->context, &in, &plain, &sealed, NULL), 0);
	assert_true(sealed);
	assert_int_equal(plain.length, strlen(text));
	assert_memory_equal(plain.value, text, plain.length);
	(void)gss_release_buffer(&minor, &plain);
}

static void expect_text(const struct octets *plain, const char *text)
{
	assert_int_equal(plain->len, strlen(text));
	assert_memory_equal(plain->data, text, plain->len);
}

#define TEXT "HASH_I, or something as long: 32"

/* It asserts a subkey of its own: RFC 4121 2. */
static void mit_accepts_ours(void **state)
{
	struct octets token;
	struct octets answer;
	struct octets wrapped;
	struct octets plain;
	struct mit mit;
	uint64_t session;

	(void)state;
	session = request(&token);
	assert_int_equal(wrap(&a, session, TEXT, &wrapped), ERR_INVALID); /* too early */
	assert_int_equal(mit_accept(&mit, &token, &answer), GSS_S_COMPLETE);
	assert_int_equal(verify(session, view(&answer)), ERR_OK);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(wrap(&a, session, TEXT, &wrapped), ERR_OK);
		mit_expect(&mit, &wrapped, TEXT);
		mit_wrap(&mit, true, "the other way", &wrapped);
		assert_int_equal(unwrap(&a, session, view(&wrapped), &plain), ERR_OK);
		expect_text(&plain, "the other way");
	}
	mit_close(&mit);
	kerberos_worker_release(a.worker, session);
}

static void ours_accepts_mits(void **state)
{
	const OM_uint32 flags = GSS_C_MUTUAL_FLAG | GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG;
	struct octets token;
	struct octets answer;
	struct octets wrapped;
	struct octets plain;
	struct mit mit;
	uint64_t session;

	(void)state;
	/* As racoon asks for it, too. */
	for (int i = 0; i < 2; i++) {
		OM_uint32 with = flags | (i == 1 ? GSS_C_SEQUENCE_FLAG : 0);

		assert_int_equal(mit_initiate(&mit, with, NULL, &token), GSS_S_CONTINUE_NEEDED);
		assert_int_equal(accept(view(&token), &answer, &session), ERR_OK);
		assert_int_equal(mit_initiate(&mit, with, &answer, NULL), GSS_S_COMPLETE);
		assert_int_equal(wrap(&b, session, TEXT, &wrapped), ERR_OK);
		mit_expect(&mit, &wrapped, TEXT);
		mit_wrap(&mit, true, "the other way", &wrapped);
		assert_int_equal(unwrap(&b, session, view(&wrapped), &plain), ERR_OK);
		expect_text(&plain, "the other way");
		/* Not encrypted, though we asked for that. */
		mit_wrap(&mit, false, "the other way", &wrapped);
		assert_int_equal(unwrap(&b, session, view(&wrapped), &plain), ERR_AUTH);
		mit_close(&mit);
		kerberos_worker_release(b.worker, session);
	}
}

static void contexts_must_be_mutual(void **state)
{
	struct octets token;
	struct octets answer;
	struct mit mit;
	uint64_t session;

	(void)state;
	assert_int_equal(
	    mit_initiate(&mit, GSS_C_CONF_FLAG | GSS_C_INTEG_FLAG, NULL, &token), GSS_S_COMPLETE);
	assert_int_equal(accept(view(&token), &answer, &session), ERR_AUTH);
	mit_close(&mit);
}

/* A context of ours at both ends. */
static void ours(uint64_t *initiator, uint64_t *acceptor)
{
	struct octets token;
	struct octets answer;

	*initiator = request(&token);
	assert_int_equal(accept(view(&token), &answer, acceptor), ERR_OK);
	assert_int_equal(verify(*initiator, view(&answer)), ERR_OK);
}

static void each_octet_of_a_message_counts(void **state)
{
	uint64_t initiator;
	uint64_t acceptor;
	struct octets wrapped;
	struct octets plain;

	(void)state;
	ours(&initiator, &acceptor);
	assert_int_equal(wrap(&a, initiator, TEXT, &wrapped), ERR_OK);
	for (size_t i = 0; i < wrapped.len; i++) {
		wrapped.data[i] ^= 0x20;
		assert_true(unwrap(&b, acceptor, view(&wrapped), &plain) != ERR_OK);
		wrapped.data[i] ^= 0x20;
		assert_true(unwrap(&b, acceptor, bytes_of(wrapped.data, i), &plain) != ERR_OK);
	}
	/* Not to who made it. */
	assert_int_equal(unwrap(&a, initiator, view(&wrapped), &plain), ERR_AUTH);
	assert_int_equal(unwrap(&b, acceptor, view(&wrapped), &plain), ERR_OK);
	expect_text(&plain, TEXT);
	kerberos_worker_release(a.worker, initiator);
	kerberos_worker_release(b.worker, acceptor);
}

/* RFC 4121 4.2.5: whoever reads must cope with any count. */
static void messages_may_be_rotated(void **state)
{
	uint64_t initiator;
	uint64_t acceptor;
	struct octets wrapped;
	struct octets plain;

	(void)state;
	ours(&initiator, &acceptor);
	assert_int_equal(wrap(&a, initiator, TEXT, &wrapped), ERR_OK);
	for (size_t count = 0; count < 300; count++) {
		struct octets turned = wrapped;
		size_t body = wrapped.len - GSS_WRAP_HEADER;

		turned.data[6] = (uint8_t)(count >> 8);
		turned.data[7] = (uint8_t)count;
		for (size_t i = 0; i < body; i++)
			turned.data[GSS_WRAP_HEADER + (i + count) % body] =
			    wrapped.data[GSS_WRAP_HEADER + i];
		assert_int_equal(unwrap(&b, acceptor, view(&turned), &plain), ERR_OK);
		expect_text(&plain, TEXT);
	}
	kerberos_worker_release(a.worker, initiator);
	kerberos_worker_release(b.worker, acceptor);
}

static void tokens_count_once(void **state)
{
	struct octets token;
	struct octets answer;
	uint64_t initiator = request(&token);
	uint64_t acceptor;
	uint64_t none;

	(void)state;
	assert_int_equal(accept(view(&token), &answer, &acceptor), ERR_OK);
	assert_int_equal(accept(view(&token), &answer, &none), ERR_REPLAY);
	assert_int_equal(verify(initiator, view(&answer)), ERR_OK);
	assert_int_equal(verify(initiator, view(&answer)), ERR_INVALID);
	kerberos_worker_release(a.worker, initiator);
	kerberos_worker_release(b.worker, acceptor);
}

static void spoiled_tokens_do_not_pass(void **state)
{
	struct octets token;
	struct octets answer;
	uint64_t initiator = request(&token);
	uint64_t none;

	(void)state;
	for (size_t i = 0; i < token.len; i++) {
		struct octets spoiled = token;

		assert_true(accept(bytes_of(token.data, i), &answer, &none) != ERR_OK);
		/* A ticket's number of its key is no secret, and any of ours is tried. */
		spoiled.data[i] ^= 0x40;
		if (accept(view(&spoiled), &answer, &none) == ERR_OK)
			kerberos_worker_release(b.worker, none);
	}
	/* The initiator's own, and an answer to another. */
	assert_int_equal(verify(initiator, view(&token)), ERR_INVALID);
	kerberos_worker_release(a.worker, initiator);
	initiator = request(&token);
	assert_int_equal(accept(view(&token), &answer, &none), ERR_OK);
	kerberos_worker_release(b.worker, none);
	kerberos_worker_release(a.worker, initiator);
	initiator = request(&token);
	assert_int_equal(verify(initiator, view(&answer)), ERR_AUTH);
	kerberos_worker_release(a.worker, initiator);
}

static bool needs_ticket(void)
{
	struct kerberos_request request = {
	    .operation = KERBEROS_GSS_REQUEST, .server = PRINCIPAL_B, .min_lifetime = 60};

	return kerberos_worker_needs_ticket(a.worker, &request);
}

/* A peer that has no key for it cannot say so: the next token is by another ticket. */
static void unanswered_tickets_are_given_up(void **state)
{
	struct octets token;
	struct octets answer;
	uint64_t session;
	uint64_t other;

	(void)state;
	session = request(&token);
	assert_int_equal(accept(view(&token), &answer, &other), ERR_OK);
	assert_int_equal(verify(session, view(&answer)), ERR_OK);
	kerberos_worker_release(a.worker, session);
	kerberos_worker_release(b.worker, other);
	assert_false(needs_ticket());
	session = request(&token);
	kerberos_worker_release(a.worker, session);
	assert_true(needs_ticket());
}

/* RFC 2743 3.1 with lengths of one, two and three octets. */
static void frames_are_as_the_standard_has_them(void **state)
{
	static const uint8_t head[] = {
	    0x60, 14, 6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2, 1, 0, 0x6e};
	static const struct {
		size_t message;
		uint8_t length[3];
		size_t length_len;
	} cases[] = {{1, {14}, 1}, {114, {127}, 1}, {115, {0x81, 128}, 2}, {242, {0x81, 255}, 2},
	    {243, {0x82, 1, 0}, 3}, {4000, {0x82, 0x0f, 0xad}, 3}};
	static const uint8_t body[4000] = {0x6e};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t octets[TOKEN_MAX];
		struct writer out = writer_of(octets, sizeof(octets));
		struct bytes message;
		uint16_t id;

		gss_put_token(&out, GSS_TOKEN_AP_REQ, bytes_of(body, cases[i].message));
		assert_true(writer_ok(&out));
		assert_memory_equal(octets + 1, cases[i].length, cases[i].length_len);
		assert_memory_equal(octets + 1 + cases[i].length_len, head + 2, sizeof(head) - 2);
		assert_int_equal(gss_take_token(writer_bytes(&out), &id, &message), ERR_OK);
		assert_int_equal(id, GSS_TOKEN_AP_REQ);
		assert_int_equal(message.len, cases[i].message);
		octets[out.len] = 0;
		assert_int_equal(
		    gss_take_token(bytes_of(octets, out.len + 1), &id, &message), ERR_INVALID);
		octets[cases[i].length_len + 4] ^= 1; /* another mechanism */
		assert_int_equal(gss_take_token(writer_bytes(&out), &id, &message), ERR_INVALID);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(frames_are_as_the_standard_has_them),
	    cmocka_unit_test(unanswered_tickets_are_given_up),
	    cmocka_unit_test(mit_accepts_ours),
	    cmocka_unit_test(ours_accepts_mits),
	    cmocka_unit_test(contexts_must_be_mutual),
	    cmocka_unit_test(each_octet_of_a_message_counts),
	    cmocka_unit_test(messages_may_be_rotated),
	    cmocka_unit_test(tokens_count_once),
	    cmocka_unit_test(spoiled_tokens_do_not_pass),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
