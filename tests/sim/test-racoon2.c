/*
 * The dialect of racoon2's kinkd, by a peer that is as strict as it: one proposal with one
 * transform and its own lifetime, two messages, no identities of its own, keys by the literal PRF,
 * and silence for anything else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kx/quick/quick.h"
#include "scripted.h"

#define XID      0x2000
#define LIFETIME 28800
#define KEY_LEN  52

static const char nonce[] = "racoon's own nonce";

static struct scripted *open_world(bool tunnel)
{
	struct scripted *s = scripted_open((struct sim_profile){.racoon2 = true, .tunnel = tunnel});

	s->peer.literal_prf = true;
	return s;
}

/* Whether racoon2 understands a CREATE; then also its proposal. */
static bool is_understood(struct scripted *s, struct isakmp_sa *sa)
{
	struct ipsec_attributes attributes;

	if (kink_count(&s->inner, KINK_ISAKMP) != 1 || scripted_spi(s, sa) == 0 ||
	    sa->proposal_count != 1 || sa->transform_count != 1)
		return false;
	for (size_t i = 0; i < s->chain.count; i++) {
		uint8_t type = s->chain.payloads[i].type;

		if (type != ISAKMP_SA && type != ISAKMP_NONCE && type != ISAKMP_ID)
			return false;
	}
	return ipsec_attributes_decode(sa->transforms[0].attributes, &attributes) == ERR_OK &&
	       sa->transforms[0].id == ESP_AES_CBC && attributes.authentication == AUTH_HMAC_SHA &&
	       attributes.life_kilobytes == 0 && attributes.life_seconds == LIFETIME;
}

/* Whether it understands the answer to its own: that of the same transform, and nothing else. */
static bool is_accepted(struct scripted *s, uint8_t number)
{
	struct isakmp_sa sa;

	return !s->message.header.ackreq && s->chain.count == 1 && is_understood(s, &sa) &&
	       sa.transforms[0].number == number;
}

static void expect_keymat(struct scripted *s, uint64_t session, uint32_t spi,
    enum ipsec_direction direction, struct bytes ni)
{
	const struct dataplane_sa *sa = scripted_sa(s, spi, direction);
	const struct quick_inputs inputs = {.ni = ni};
	uint8_t buffer[QUICK_SEED_MAX];
	struct writer seed = writer_of(buffer, sizeof(buffer));
	uint8_t key[KEY_LEN];

	assert_non_null(sa);
	assert_int_equal(sa->key_len, sizeof(key));
	quick_put_seed(&seed, IPSEC_ESP, spi, &inputs);
	s->peer.literal_prf = false;
	assert_true(peer_keymat(&s->peer, session, writer_bytes(&seed), key, sizeof(key)));
	assert_memory_not_equal(sa->key, key, sizeof(key));
	s->peer.literal_prf = true;
	assert_true(peer_keymat(&s->peer, session, writer_bytes(&seed), key, sizeof(key)));
	assert_memory_equal(sa->key, key, sizeof(key));
}

static struct scripted_create usual(void)
{
	return (struct scripted_create){.spi = 0x5000,
	    .key_bits = {256},
	    .cbc = true,
	    .life_seconds = LIFETIME,
	    .nonce = bytes_of(nonce, sizeof(nonce))};
}

static void begin(struct scripted *s, bool tunnel)
{
	scripted_forget(s);
	sim_acquire(scripted_engine(s), &s->sim.hosts[1], tunnel);
	scripted_run(s, 450);
	assert_in_range(s->heard_count, 1, 2);
	assert_true(scripted_open_heard(s, 0));
	assert_int_equal(s->message.header.type, KINK_CREATE);
}

/* It answers with the transform as it came, and no identities even for a tunnel. */
static void expect_its_answer_to_do(bool tunnel)
{
	struct scripted *s = open_world(tunnel);
	struct scripted_create answer = usual();
	struct isakmp_sa sa;
	struct bytes ni;
	uint8_t copy[QUICK_NONCE_MAX];
	uint8_t buffer[512];
	struct writer out = writer_of(buffer, sizeof(buffer));
	uint32_t spi;

	begin(s, tunnel);
	assert_true(is_understood(s, &sa));
	spi = scripted_spi(s, &sa);
	assert_int_equal(quick_get_nonce(&s->chain, &ni), ERR_OK);
	memcpy(copy, ni.data, ni.len);
	ni.data = copy;
	answer.transform_number = sa.transforms[0].number;
	answer.no_nonce = true;
	answer.encapsulation = tunnel ? ENCAPSULATION_TUNNEL : ENCAPSULATION_TRANSPORT;
	scripted_forget(s);
	assert_true(peer_reply(&s->peer, KINK_REPLY, 0, scripted_put_create(&answer, &out)));
	scripted_deliver(s);
	expect_keymat(s, s->peer.answering, spi, IPSEC_IN, ni);
	expect_keymat(s, s->peer.answering, answer.spi, IPSEC_OUT, ni);
	scripted_close(s);
}

static void it_understands_our_create(void **state)
{
	(void)state;
	expect_its_answer_to_do(false);
}

static void it_understands_our_tunnel(void **state)
{
	(void)state;
	expect_its_answer_to_do(true);
}

/* It would understand but the first of several SAs. */
static void our_sas_are_asked_for_one_by_one(void **state)
{
	struct scripted *s = open_world(true);

	(void)state;
	scripted_forget(s);
	sim_acquire(scripted_engine(s), &s->sim.hosts[1], false);
	sim_acquire(scripted_engine(s), &s->sim.hosts[1], true);
	scripted_run(s, 450);
	assert_in_range(s->heard_count, 2, 4);
	for (size_t i = 0; i < s->heard_count; i++) {
		struct isakmp_sa sa;

		assert_true(scripted_open_heard(s, i));
		assert_true(is_understood(s, &sa));
	}
	scripted_close(s);
}

static bool ask(struct scripted *s, const struct scripted_create *create)
{
	uint8_t buffer[512];
	struct writer out = writer_of(buffer, sizeof(buffer));

	scripted_forget(s);
	assert_true(peer_command(&s->peer, KINK_CREATE, 0, XID, scripted_put_create(create, &out)));
	scripted_deliver(s);
	assert_int_equal(s->heard_count, 1);
	return scripted_open_heard(s, 0);
}

static void its_create_gets_what_it_understands(void **state)
{
	struct scripted *s = open_world(false);
	struct scripted_create create = usual();
	struct isakmp_sa sa;

	(void)state;
	create.transform_number = 7;
	assert_true(ask(s, &create));
	assert_true(is_accepted(s, 7));
	expect_keymat(
	    s, s->peer.commanding, scripted_spi(s, &sa), IPSEC_IN, bytes_of(nonce, sizeof(nonce)));
	expect_keymat(s, s->peer.commanding, create.spi, IPSEC_OUT, bytes_of(nonce, sizeof(nonce)));
	scripted_close(s);
}

/* It says tunnel, and not for what: the only one that the file has with it. */
static void its_tunnel_is_known_without_names(void **state)
{
	struct scripted *s = open_world(true);
	struct scripted_create create = usual();
	const struct dataplane_sa *sa;
	struct address_range ours = range_of_prefix(&s->sim.hosts[0].network);

	(void)state;
	create.encapsulation = ENCAPSULATION_TUNNEL;
	assert_true(ask(s, &create));
	assert_true(is_accepted(s, 1));
	sa = scripted_sa(s, create.spi, IPSEC_OUT);
	assert_non_null(sa);
	assert_int_equal(sa->mode, IPSEC_TUNNEL);
	assert_true(range_equal(&sa->selector.local, &ours));
	scripted_close(s);
}

static void expect_refusal(
    struct scripted *s, const struct scripted_create *create, enum notify_type type)
{
	struct isakmp_notification notification;

	assert_true(ask(s, create));
	assert_int_equal(scripted_notification(s, &notification), type);
	assert_int_equal(record_sa_count(sim_plane_record(scripted_engine(s)->plane)), 0);
}

/* Better nothing than an SA that it would not see as it is. */
static void what_it_would_not_understand_is_refused(void **state)
{
	struct scripted *s = open_world(false);
	struct scripted_create create = usual();

	(void)state;
	create.life_seconds = LIFETIME + 1;
	expect_refusal(s, &create, NOTIFY_NO_PROPOSAL_CHOSEN);
	assert_non_null(strstr(scripted_engine(s)->logged, "no other lifetime than its own"));
	scripted_close(s);
	s = open_world(false);
	create = usual();
	create.key_bits[0] = 128;
	create.key_bits[1] = 256;
	expect_refusal(s, &create, NOTIFY_NO_PROPOSAL_CHOSEN);
	scripted_close(s);
	/* A tunnel without names where the file has none. */
	s = open_world(false);
	create = usual();
	create.encapsulation = ENCAPSULATION_TUNNEL;
	expect_refusal(s, &create, NOTIFY_PAYLOAD_MALFORMED);
	scripted_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(it_understands_our_create),
	    cmocka_unit_test(it_understands_our_tunnel),
	    cmocka_unit_test(our_sas_are_asked_for_one_by_one),
	    cmocka_unit_test(its_create_gets_what_it_understands),
	    cmocka_unit_test(its_tunnel_is_known_without_names),
	    cmocka_unit_test(what_it_would_not_understand_is_refused),
	};

	return cmocka_run_group_tests_name("dialect of racoon2", tests, NULL, NULL);
}
