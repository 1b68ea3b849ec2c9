/* src/sa: pairs, their lifetimes and deletion (RFC 4301 4.4.2, RFC 4430 3.3, 3.6), peers' epochs
 * (3.7). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "sa/peer.h"
#include "sa/sad.h"

#define REQUESTS_MAX 64

/* A host whose clock and data plane the test plays. */
struct fixture {
	uint64_t now_ms;
	uint64_t random;
	uint32_t next_spi;
	struct timers timers;
	struct dataplane_request requests[REQUESTS_MAX];
	size_t request_count;
	struct sad *sad;
	size_t reserved, installed, rekeys, retired, removed;
	enum err last_problem;
};

static uint64_t now_ms(void *self)
{
	return ((struct fixture *)self)->now_ms;
}

static void random_octets(void *self, void *out, size_t len)
{
	struct fixture *fixture = self;

	memset(out, 0, len);
	memcpy(
	    out, &fixture->random, len < sizeof(fixture->random) ? len : sizeof(fixture->random));
}

static void dataplane(void *self, const struct dataplane_request *request)
{
	struct fixture *fixture = self;

	assert_true(fixture->request_count < REQUESTS_MAX);
	fixture->requests[fixture->request_count++] = *request;
}

static void on_reserved(void *self, struct sa_pair *pair, const struct problem *problem)
{
	(void)pair;
	((struct fixture *)self)->reserved++;
	((struct fixture *)self)->last_problem = problem->code;
}

static void on_installed(void *self, struct sa_pair *pair, const struct problem *problem)
{
	(void)pair;
	((struct fixture *)self)->installed++;
	((struct fixture *)self)->last_problem = problem->code;
}

static void on_rekey(void *self, struct sa_pair *pair)
{
	(void)pair;
	((struct fixture *)self)->rekeys++;
}

static void on_retired(void *self, struct sa_pair *pair)
{
	(void)pair;
	((struct fixture *)self)->retired++;
}

static void on_removed(void *self, struct sa_pair *pair)
{
	(void)pair;
	((struct fixture *)self)->removed++;
}

static struct address address(const char *text)
{
	struct address parsed;

	assert_int_equal(address_parse(text, &parsed), ERR_OK);
	return parsed;
}

static void open_sad(struct fixture *fixture)
{
	struct host host = {
	    .self = fixture, .now_ms = now_ms, .random = random_octets, .dataplane = dataplane};
	struct sad_settings settings = {.max_pairs = 3,
	    .replay_window = 64,
	    .delete_grace_ms = 2000,
	    .retransmit_cycle_ms = 30000};
	struct sad_listener listener = {.self = fixture,
	    .reserved = on_reserved,
	    .installed = on_installed,
	    .rekey = on_rekey,
	    .retired = on_retired,
	    .removed = on_removed};

	memset(fixture, 0, sizeof(*fixture));
	fixture->now_ms = 1000000;
	fixture->next_spi = 0x1000;
	timers_init(&fixture->timers);
	assert_int_equal(
	    sad_create(&host, &fixture->timers, &settings, &listener, &fixture->sad), ERR_OK);
}

static void close_sad(struct fixture *fixture)
{
	sad_destroy(fixture->sad);
	timers_clear(&fixture->timers);
}

/* Answers everything that was asked of the data plane. */
static void answer(struct fixture *fixture, enum err code)
{
	struct dataplane_request requests[REQUESTS_MAX];
	size_t count = fixture->request_count;

	memcpy(requests, fixture->requests, sizeof(requests));
	fixture->request_count = 0;
	for (size_t i = 0; i < count; i++) {
		struct dataplane_completion completion = {.token = requests[i].token,
		    .operation = requests[i].operation,
		    .problem = {.code = code},
		    .spi = ++fixture->next_spi};

		if (completion.token >> 56 == SAD_TOKEN_OWNER)
			sad_dataplane_done(fixture->sad, &completion);
	}
}

static void advance(struct fixture *fixture, uint64_t ms)
{
	fixture->now_ms += ms;
	timers_run(&fixture->timers, fixture->now_ms);
}

static const enum ipsec_protocol esp = IPSEC_ESP;

static struct sa_pair *add(struct fixture *fixture, bool initiator)
{
	struct sa_pair model = {.local = address("10.0.0.1"),
	    .remote = address("10.0.0.2"),
	    .policy_id = 1,
	    .initiator = initiator};
	struct sa_pair *pair = NULL;

	assert_int_equal(sad_add(fixture->sad, &model, &esp, 1, &pair), ERR_OK);
	return pair;
}

static struct sa_pair *establish(
    struct fixture *fixture, bool initiator, uint32_t spi_out, uint32_t seconds)
{
	struct suite suite = {
	    .protocol = IPSEC_ESP, .encryption = ENCRYPTION_AES_GCM_16, .key_bits = 128};
	struct lifetime lifetime = {.seconds = seconds};
	uint8_t key[20] = {7};
	struct sa_pair *pair = add(fixture, initiator);

	answer(fixture, ERR_OK);
	sad_agree(pair, &suite, &lifetime);
	assert_int_equal(sad_set_spi_out(fixture->sad, &pair->parts[0], spi_out), ERR_OK);
	sad_install(fixture->sad, pair, IPSEC_IN, &(struct bytes){key, sizeof(key)});
	sad_install(fixture->sad, pair, IPSEC_OUT, &(struct bytes){key, sizeof(key)});
	assert_int_equal(fixture->request_count, 2);
	assert_int_equal(fixture->requests[0].sa.spi, pair->parts[0].spi_in);
	assert_int_equal(fixture->requests[1].sa.spi, spi_out);
	assert_true(address_equal(&fixture->requests[1].sa.destination, &pair->remote));
	assert_memory_equal(fixture->requests[1].sa.key, key, sizeof(key));
	answer(fixture, ERR_OK);
	sad_establish(fixture->sad, pair);
	return pair;
}

static void a_pair_is_found_by_both_spis(void **state)
{
	struct fixture fixture;
	struct sa_pair *pair;
	struct address here = address("10.0.0.1");
	struct address there = address("10.0.0.2");
	struct address elsewhere = address("10.0.0.3");

	(void)state;
	open_sad(&fixture);
	pair = establish(&fixture, true, 0xabcdef, 3600);
	assert_int_equal(fixture.reserved, 1);
	/* Both installations are reported as one. */
	assert_int_equal(fixture.installed, 1);
	assert_ptr_equal(sad_by_spi_in(fixture.sad, &here, IPSEC_ESP, pair->parts[0].spi_in), pair);
	assert_null(sad_by_spi_in(fixture.sad, &elsewhere, IPSEC_ESP, pair->parts[0].spi_in));
	assert_ptr_equal(sad_by_spi_out(fixture.sad, &there, IPSEC_ESP, 0xabcdef), pair);
	assert_null(sad_by_spi_out(fixture.sad, &elsewhere, IPSEC_ESP, 0xabcdef));
	close_sad(&fixture);
}

static void an_spi_of_the_peer_is_taken_once(void **state)
{
	struct fixture fixture;
	struct sa_pair *second;

	(void)state;
	open_sad(&fixture);
	(void)establish(&fixture, true, 0xabcdef, 3600);
	second = add(&fixture, false);
	assert_int_equal(sad_set_spi_out(fixture.sad, &second->parts[0], 0xabcdef), ERR_EXISTS);
	close_sad(&fixture);
}

static void the_sad_is_bounded(void **state)
{
	struct fixture fixture;
	struct sa_pair model = {.local = address("10.0.0.1"), .remote = address("10.0.0.2")};
	struct sa_pair *pair;

	(void)state;
	open_sad(&fixture);
	for (int i = 0; i < 3; i++)
		(void)add(&fixture, true);
	assert_int_equal(sad_add(fixture.sad, &model, &esp, 1, &pair), ERR_LIMIT);
	assert_int_equal(sad_count(fixture.sad), 3);
	close_sad(&fixture);
}

/* RFC 3947 7: an end that is not behind a NAT itself follows the other one's port. */
static void a_pair_follows_its_peer(void **state)
{
	struct fixture fixture;
	struct sa_pair *pair;
	struct dataplane_move report;
	const struct dataplane_request *asked = fixture.requests;

	(void)state;
	open_sad(&fixture);
	pair = establish(&fixture, false, 0xabcdef, 3600);
	report = (struct dataplane_move){.spi = pair->parts[0].spi_in,
	    .protocol = IPSEC_ESP,
	    .destination = pair->local,
	    .remote = {pair->remote, 40000}};
	/* One that is not encapsulated stays where it is. */
	assert_null(sad_moved(fixture.sad, &report));
	sad_encapsulate(pair, 4500, false);
	report.spi++;
	assert_null(sad_moved(fixture.sad, &report));
	report.spi--;
	report.remote.address = address("10.0.0.3");
	assert_null(sad_moved(fixture.sad, &report));
	report.remote = (struct endpoint){pair->remote, 0};
	assert_null(sad_moved(fixture.sad, &report));
	assert_int_equal(fixture.request_count, 0);
	report.remote.port = 40000;
	assert_ptr_equal(sad_moved(fixture.sad, &report), pair);
	assert_int_equal(fixture.request_count, 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(asked[i].operation, DATAPLANE_MOVE_SA);
		assert_int_equal(asked[i].move.spi, i == 0 ? pair->parts[0].spi_in : 0xabcdef);
		assert_true(address_equal(
		    &asked[i].move.destination, i == 0 ? &pair->local : &pair->remote));
		assert_true(endpoint_equal(&asked[i].move.remote, &report.remote));
	}
	answer(&fixture, ERR_OK);
	assert_int_equal(pair->encapsulation.remote_port, 40000);
	sad_encapsulate(pair, 4500, true);
	assert_null(sad_moved(fixture.sad, &report));
	close_sad(&fixture);
}

static void an_encapsulated_pair_names_its_ports(void **state)
{
	struct fixture fixture;
	struct suite suite = {
	    .protocol = IPSEC_ESP, .encryption = ENCRYPTION_AES_GCM_16, .key_bits = 128};
	struct lifetime lifetime = {.seconds = 3600};
	uint8_t octets[20] = {7};
	struct bytes key = bytes_of(octets, sizeof(octets));
	const struct dataplane_request *asked = fixture.requests;

	(void)state;
	for (int behind = 0; behind < 2; behind++) {
		struct sa_pair *pair;

		open_sad(&fixture);
		pair = add(&fixture, false);
		answer(&fixture, ERR_OK);
		sad_agree(pair, &suite, &lifetime);
		sad_encapsulate(pair, 40000, behind != 0);
		assert_int_equal(sad_set_spi_out(fixture.sad, &pair->parts[0], 0xabcdef), ERR_OK);
		sad_install(fixture.sad, pair, IPSEC_IN, &key);
		sad_install(fixture.sad, pair, IPSEC_OUT, &key);
		assert_int_equal(asked[0].sa.encapsulation_source, 40000);
		assert_int_equal(asked[0].sa.encapsulation_destination, 4500);
		assert_false(asked[0].sa.encapsulation_keepalive);
		assert_int_equal(asked[1].sa.encapsulation_source, 4500);
		assert_int_equal(asked[1].sa.encapsulation_destination, 40000);
		assert_int_equal(asked[1].sa.encapsulation_keepalive, behind != 0);
		answer(&fixture, ERR_OK);
		close_sad(&fixture);
	}
}

/* RFC 4430 3.6: soft before hard, at a random time, and only the initiator rekeys. */
static void initiators_rekey_before_the_end(void **state)
{
	(void)state;
	for (uint64_t random = 0; random < 100000000; random = random * 7 + 13) {
		struct fixture fixture;
		struct sa_pair *pair;
		uint64_t margin;

		open_sad(&fixture);
		fixture.random = random;
		pair = establish(&fixture, true, 0xabcdef, 3600);
		margin = pair->expire_ms - pair->rekey_ms;
		assert_in_range(margin, 30000, 360000);
		advance(&fixture, 3600000 - margin - 1);
		assert_int_equal(fixture.rekeys, 0);
		advance(&fixture, 1);
		assert_int_equal(fixture.rekeys, 1);
		assert_int_equal(fixture.removed, 0);
		advance(&fixture, margin);
		assert_int_equal(fixture.rekeys, 1);
		assert_int_equal(fixture.removed, 1);
		assert_int_equal(sad_count(fixture.sad), 0);
		close_sad(&fixture);
	}
}

static void responders_do_not_rekey(void **state)
{
	struct fixture fixture;

	(void)state;
	open_sad(&fixture);
	assert_int_equal(establish(&fixture, false, 0xabcdef, 3600)->rekey_ms, 0);
	advance(&fixture, 3600000);
	assert_int_equal(fixture.rekeys, 0);
	assert_int_equal(fixture.removed, 1);
	close_sad(&fixture);
}

/* The peer knows nothing of it, so whoever has the limit makes the successor. */
static void a_limit_of_packets_is_our_own(void **state)
{
	(void)state;
	for (int initiator = 0; initiator < 2; initiator++) {
		struct fixture fixture;
		struct sa_pair model = {.local = address("10.0.0.1"),
		    .remote = address("10.0.0.2"),
		    .packet_limit = 1000000,
		    .initiator = initiator != 0};
		struct suite suite = {
		    .protocol = IPSEC_ESP, .encryption = ENCRYPTION_AES_GCM_16, .key_bits = 128};
		struct lifetime lifetime = {.seconds = 3600};
		uint8_t octets[20] = {7};
		struct bytes key = bytes_of(octets, sizeof(octets));
		struct dataplane_expiry expiry = {.destination = model.remote,
		    .spi = 0xabcdef,
		    .protocol = IPSEC_ESP,
		    .direction = IPSEC_OUT};
		struct sa_pair *pair = NULL;

		open_sad(&fixture);
		assert_int_equal(sad_add(fixture.sad, &model, &esp, 1, &pair), ERR_OK);
		answer(&fixture, ERR_OK);
		sad_agree(pair, &suite, &lifetime);
		assert_int_equal(sad_set_spi_out(fixture.sad, &pair->parts[0], 0xabcdef), ERR_OK);
		sad_install(fixture.sad, pair, IPSEC_IN, &key);
		sad_install(fixture.sad, pair, IPSEC_OUT, &key);
		for (size_t i = 0; i < 2; i++) {
			assert_int_equal(fixture.requests[i].sa.hard_packets, 1000000);
			assert_in_range(fixture.requests[i].sa.soft_packets, 800000, 900000);
		}
		answer(&fixture, ERR_OK);
		sad_establish(fixture.sad, pair);
		sad_expired(fixture.sad, &expiry);
		sad_expired(fixture.sad, &expiry);
		assert_int_equal(fixture.rekeys, 1);
		close_sad(&fixture);
	}
}

static void soft_limits_of_the_data_plane_count_once(void **state)
{
	struct fixture fixture;
	struct sa_pair *pair;
	struct dataplane_expiry expiry = {.destination = address("10.0.0.2"),
	    .spi = 0xabcdef,
	    .protocol = IPSEC_ESP,
	    .direction = IPSEC_OUT};

	(void)state;
	open_sad(&fixture);
	pair = establish(&fixture, true, 0xabcdef, 3600);
	sad_expired(fixture.sad, &expiry);
	sad_expired(fixture.sad, &expiry);
	assert_int_equal(fixture.rekeys, 1);
	expiry = (struct dataplane_expiry){.destination = address("10.0.0.1"),
	    .spi = pair->parts[0].spi_in,
	    .protocol = IPSEC_ESP,
	    .direction = IPSEC_IN,
	    .hard = true};
	sad_expired(fixture.sad, &expiry);
	assert_int_equal(fixture.removed, 1);
	close_sad(&fixture);
}

/* RFC 4430 3.3: outbound at once, inbound after the grace time. */
static void retiring_keeps_the_inbound_sa_for_a_while(void **state)
{
	struct fixture fixture;
	struct sa_pair *pair;

	(void)state;
	open_sad(&fixture);
	pair = establish(&fixture, true, 0xabcdef, 3600);
	sad_retire(fixture.sad, pair);
	sad_retire(fixture.sad, pair);
	assert_int_equal(fixture.retired, 1);
	assert_int_equal(fixture.request_count, 1);
	assert_int_equal(fixture.requests[0].operation, DATAPLANE_DELETE_SA);
	assert_int_equal(fixture.requests[0].sa.spi, 0xabcdef);
	assert_int_equal(sad_active_count(fixture.sad), 0);
	assert_int_equal(sad_count(fixture.sad), 1);
	advance(&fixture, 1999);
	assert_int_equal(fixture.removed, 0);
	advance(&fixture, 1);
	assert_int_equal(fixture.removed, 1);
	assert_int_equal(fixture.requests[1].operation, DATAPLANE_DELETE_SA);
	assert_int_equal(fixture.requests[1].sa.direction, IPSEC_IN);
	close_sad(&fixture);
}

/* What a restarted peer may take still goes by the old SA until there is a successor. */
static void lapsing_keeps_the_outbound_sa_as_well(void **state)
{
	struct fixture fixture;
	struct sa_pair *pair;

	(void)state;
	open_sad(&fixture);
	pair = establish(&fixture, true, 0xabcdef, 3600);
	sad_lapse(fixture.sad, pair);
	assert_int_equal(pair->state, SA_DELETING);
	assert_int_equal(fixture.retired, 1);
	assert_int_equal(fixture.request_count, 0);
	assert_int_equal(sad_active_count(fixture.sad), 0);
	sad_close_outbound(fixture.sad, pair);
	assert_int_equal(fixture.request_count, 1);
	assert_int_equal(fixture.requests[0].sa.spi, 0xabcdef);
	advance(&fixture, 2000);
	assert_int_equal(fixture.removed, 1);
	assert_int_equal(fixture.request_count, 2);

	pair = establish(&fixture, true, 0xabcdef, 3600);
	fixture.request_count = 0;
	sad_lapse(fixture.sad, pair);
	advance(&fixture, 2000);
	assert_int_equal(fixture.removed, 2);
	assert_int_equal(fixture.request_count, 2);
	assert_int_equal(fixture.requests[0].sa.spi, 0xabcdef);
	close_sad(&fixture);
}

/* A peer that has restarted may come to an SPI that it had before (RFC 4430 3.7). */
static void spis_that_the_peer_lost_are_free(void **state)
{
	struct fixture fixture;
	struct sa_pair *pair;
	struct sa_pair *next;

	(void)state;
	open_sad(&fixture);
	pair = establish(&fixture, true, 0xabcdef, 3600);
	next = add(&fixture, true);
	assert_true(sad_has_spi_out(fixture.sad, &pair->remote, IPSEC_ESP, 0xabcdef));
	assert_int_equal(sad_set_spi_out(fixture.sad, &next->parts[0], 0xabcdef), ERR_EXISTS);
	fixture.request_count = 0;
	sad_lapse(fixture.sad, pair);
	assert_false(sad_has_spi_out(fixture.sad, &next->remote, IPSEC_ESP, 0xabcdef));
	assert_int_equal(sad_set_spi_out(fixture.sad, &next->parts[0], 0xabcdef), ERR_OK);
	/* The old one has left the data plane before the new one comes. */
	assert_int_equal(fixture.removed, 1);
	assert_int_equal(fixture.request_count, 2);
	assert_int_equal(fixture.requests[0].operation, DATAPLANE_DELETE_SA);
	assert_int_equal(fixture.requests[0].sa.spi, 0xabcdef);
	assert_ptr_equal(sad_by_spi_out(fixture.sad, &next->remote, IPSEC_ESP, 0xabcdef), next);
	close_sad(&fixture);
}

/* An SPI that comes too late is given back. */
static void removal_waits_for_the_spi(void **state)
{
	struct fixture fixture;
	struct sa_pair *pair;

	(void)state;
	open_sad(&fixture);
	pair = add(&fixture, true);
	sad_remove(fixture.sad, pair);
	assert_int_equal(fixture.removed, 0);
	answer(&fixture, ERR_OK);
	assert_int_equal(fixture.reserved, 0);
	assert_int_equal(fixture.removed, 1);
	assert_int_equal(fixture.request_count, 1);
	assert_int_equal(fixture.requests[0].operation, DATAPLANE_DELETE_SA);
	assert_int_equal(fixture.requests[0].sa.spi, fixture.next_spi);
	close_sad(&fixture);
}

static void a_failed_installation_is_told(void **state)
{
	struct fixture fixture;
	struct sa_pair *pair;
	uint8_t key[20] = {0};

	(void)state;
	open_sad(&fixture);
	pair = add(&fixture, true);
	answer(&fixture, ERR_OK);
	sad_install(fixture.sad, pair, IPSEC_IN, &(struct bytes){key, sizeof(key)});
	answer(&fixture, ERR_DENIED);
	assert_int_equal(fixture.installed, 1);
	assert_int_equal(fixture.last_problem, ERR_DENIED);
	close_sad(&fixture);
}

/* RFC 4430 3.7, and messages that a restart has overtaken. */
static void epochs_are_judged_in_order(void **state)
{
	struct sa_peer peer = {0};

	(void)state;
	assert_int_equal(sad_peer_command_epoch(&peer, 100, 1000, 1), SA_EPOCH_CURRENT);
	assert_int_equal(sad_peer_command_epoch(&peer, 100, 2000, 2), SA_EPOCH_CURRENT);
	/* It restarted. */
	assert_int_equal(sad_peer_command_epoch(&peer, 200, 3000, 3), SA_EPOCH_NEW);
	/* A straggler from before, though its epoch differs. */
	assert_int_equal(sad_peer_command_epoch(&peer, 100, 2500, 4), SA_EPOCH_STALE);
	assert_int_equal(sad_peer_command_epoch(&peer, 200, 2900, 5), SA_EPOCH_CURRENT);
	/* Held back for longer than anybody tries. */
	assert_int_equal(sad_peer_command_epoch(&peer, 200, 3000 - 60000001, 5), SA_EPOCH_STALE);
	/* A clock that went back is no reason to distrust a newer message. */
	assert_int_equal(sad_peer_command_epoch(&peer, 150, 4000, 6), SA_EPOCH_NEW);
	/* A reply to what was sent before we learned of the restart. */
	assert_int_equal(sad_peer_reply_epoch(&peer, 200, 5, 7), SA_EPOCH_STALE);
	assert_int_equal(sad_peer_reply_epoch(&peer, 300, 7, 8), SA_EPOCH_NEW);
	assert_int_equal(sad_peer_reply_epoch(&peer, 300, 1, 9), SA_EPOCH_CURRENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_pair_is_found_by_both_spis),
	    cmocka_unit_test(an_spi_of_the_peer_is_taken_once),
	    cmocka_unit_test(the_sad_is_bounded),
	    cmocka_unit_test(a_pair_follows_its_peer),
	    cmocka_unit_test(an_encapsulated_pair_names_its_ports),
	    cmocka_unit_test(initiators_rekey_before_the_end),
	    cmocka_unit_test(responders_do_not_rekey),
	    cmocka_unit_test(a_limit_of_packets_is_our_own),
	    cmocka_unit_test(soft_limits_of_the_data_plane_count_once),
	    cmocka_unit_test(retiring_keeps_the_inbound_sa_for_a_while),
	    cmocka_unit_test(lapsing_keeps_the_outbound_sa_as_well),
	    cmocka_unit_test(spis_that_the_peer_lost_are_free),
	    cmocka_unit_test(removal_waits_for_the_spi),
	    cmocka_unit_test(a_failed_installation_is_told),
	    cmocka_unit_test(epochs_are_judged_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
