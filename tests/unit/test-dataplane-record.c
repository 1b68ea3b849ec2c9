/* Tests of the record data plane: the seam's rules and what tests can ask. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dataplane/record/record.h"

struct fixture {
	struct dataplane *dataplane;
	struct dataplane_completion last;
	unsigned completions;
};

static void on_completed(void *self, const struct dataplane_completion *completion)
{
	struct fixture *fixture = self;

	fixture->last = *completion;
	fixture->completions++;
}

static int setup(void **state)
{
	static struct fixture fixture;
	struct dataplane_listener listener = {.self = &fixture, .completed = on_completed};

	memset(&fixture, 0, sizeof(fixture));
	assert_int_equal(
	    dataplane_record.open(NULL, &listener, NULL, &fixture.dataplane, NULL), ERR_OK);
	*state = &fixture;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	dataplane_record.close(fixture->dataplane);
	return 0;
}

static struct address parse(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

static struct address_range host(const char *text)
{
	return (struct address_range){parse(text), parse(text)};
}

static struct dataplane_request sa_request(
    enum dataplane_operation operation, enum ipsec_direction direction, uint32_t spi)
{
	struct dataplane_request request = {.operation = operation, .token = 7000 + spi};

	request.sa = (struct dataplane_sa){.direction = direction,
	    .spi = spi,
	    .source = parse(direction == IPSEC_IN ? "192.0.2.2" : "192.0.2.1"),
	    .destination = parse(direction == IPSEC_IN ? "192.0.2.1" : "192.0.2.2"),
	    .suite = {.protocol = IPSEC_ESP, .encryption = ENCRYPTION_AES_GCM_16, .key_bits = 256},
	    .selector = {.local = host("192.0.2.1"),
		.remote = host("192.0.2.2"),
		.local_ports = PORT_ANY,
		.remote_ports = PORT_ANY},
	    .key_len = 36};
	return request;
}

static enum err submit(struct fixture *fixture, const struct dataplane_request *request)
{
	unsigned before = fixture->completions;

	dataplane_record.submit(fixture->dataplane, request);
	assert_int_equal(fixture->completions, before + 1);
	assert_int_equal(fixture->last.token, request->token);
	assert_int_equal(fixture->last.operation, request->operation);
	return fixture->last.problem.code;
}

static void test_reserve_then_install(void **state)
{
	struct fixture *fixture = *state;
	struct dataplane_request request = sa_request(DATAPLANE_RESERVE_SPI, IPSEC_IN, 0);
	uint32_t spi;

	assert_int_equal(submit(fixture, &request), ERR_OK);
	spi = fixture->last.spi;
	assert_true(spi >= 256);
	assert_int_equal(record_reservation_count(fixture->dataplane), 1);
	assert_int_equal(record_sa_count(fixture->dataplane), 0);

	request = sa_request(DATAPLANE_ADD_SA, IPSEC_IN, spi);
	assert_int_equal(submit(fixture, &request), ERR_OK);
	assert_int_equal(record_reservation_count(fixture->dataplane), 0);
	assert_int_equal(record_sa_count(fixture->dataplane), 1);
	assert_non_null(
	    record_find_sa(fixture->dataplane, spi, IPSEC_ESP, &request.sa.destination));
	assert_int_equal(submit(fixture, &request), ERR_EXISTS);

	request.operation = DATAPLANE_QUERY_SA;
	assert_int_equal(submit(fixture, &request), ERR_OK);
	request.operation = DATAPLANE_DELETE_SA;
	assert_int_equal(submit(fixture, &request), ERR_OK);
	assert_int_equal(submit(fixture, &request), ERR_NOT_FOUND);
	assert_int_equal(record_sa_count(fixture->dataplane), 0);
}

static void test_reservation_is_released_by_delete(void **state)
{
	struct fixture *fixture = *state;
	struct dataplane_request request = sa_request(DATAPLANE_RESERVE_SPI, IPSEC_IN, 0);

	assert_int_equal(submit(fixture, &request), ERR_OK);
	request = sa_request(DATAPLANE_QUERY_SA, IPSEC_IN, fixture->last.spi);
	assert_int_equal(submit(fixture, &request), ERR_NOT_FOUND);
	request.operation = DATAPLANE_DELETE_SA;
	assert_int_equal(submit(fixture, &request), ERR_OK);
	assert_int_equal(record_reservation_count(fixture->dataplane), 0);
}

static void test_sequential_spis_skip_those_in_use(void **state)
{
	struct fixture *fixture = *state;
	struct dataplane_request taken = sa_request(DATAPLANE_ADD_SA, IPSEC_IN, 1001);
	struct dataplane_request reserve = sa_request(DATAPLANE_RESERVE_SPI, IPSEC_IN, 0);

	record_use_sequential_spis(fixture->dataplane, 1000);
	assert_int_equal(submit(fixture, &taken), ERR_OK);
	assert_int_equal(submit(fixture, &reserve), ERR_OK);
	assert_int_equal(fixture->last.spi, 1000);
	assert_int_equal(submit(fixture, &reserve), ERR_OK);
	assert_int_equal(fixture->last.spi, 1002);
}

static void test_last_added_carries_the_flow(void **state)
{
	struct fixture *fixture = *state;
	struct dataplane_flow flow = {
	    .local = parse("192.0.2.1"), .remote = parse("192.0.2.2"), .protocol = 1};
	struct dataplane_request first = sa_request(DATAPLANE_RESERVE_SPI, IPSEC_IN, 0);
	struct dataplane_request second;

	assert_null(record_find_sa_for(fixture->dataplane, &flow, IPSEC_OUT));
	assert_int_equal(submit(fixture, &first), ERR_OK);
	first = sa_request(DATAPLANE_ADD_SA, IPSEC_IN, fixture->last.spi);
	second = sa_request(DATAPLANE_ADD_SA, IPSEC_IN, 5000);
	assert_int_equal(submit(fixture, &second), ERR_OK);
	assert_int_equal(submit(fixture, &first), ERR_OK);
	assert_int_equal(
	    record_find_sa_for(fixture->dataplane, &flow, IPSEC_IN)->spi, first.sa.spi);
	flow.remote = parse("192.0.2.3");
	assert_null(record_find_sa_for(fixture->dataplane, &flow, IPSEC_IN));
}

static void test_refuses_what_the_seam_forbids(void **state)
{
	struct fixture *fixture = *state;
	struct dataplane_request request = sa_request(DATAPLANE_ADD_SA, IPSEC_OUT, 255);

	assert_int_equal(submit(fixture, &request), ERR_INVALID);
	request = sa_request(DATAPLANE_ADD_SA, IPSEC_OUT, 256);
	request.sa.key_len = 32;
	assert_int_equal(submit(fixture, &request), ERR_INVALID);
	assert_int_equal(record_sa_count(fixture->dataplane), 0);
}

/* The rules of bundles are the seam's, so this data plane holds them as well. */
static void test_bundles(void **state)
{
	struct fixture *fixture = *state;
	struct dataplane_request esp = sa_request(DATAPLANE_ADD_SA, IPSEC_OUT, 0x1000);
	struct dataplane_request ah = sa_request(DATAPLANE_ADD_SA, IPSEC_OUT, 0x1001);
	struct dataplane_request move = {.operation = DATAPLANE_MOVE_SA, .token = 1};
	struct dataplane_flow flow = {
	    .local = parse("192.0.2.1"), .remote = parse("192.0.2.2"), .protocol = 6};
	const struct dataplane_sa *found;

	esp.sa.bundle = ah.sa.bundle = 9;
	esp.sa.bundle_size = ah.sa.bundle_size = 2;
	ah.sa.bundle_index = 1;
	ah.sa.suite = (struct suite){.protocol = IPSEC_AH, .integrity = INTEGRITY_HMAC_SHA1_96};
	ah.sa.key_len = 20;
	assert_int_equal(submit(fixture, &ah), ERR_OK);
	assert_null(record_find_sa_for(fixture->dataplane, &flow, IPSEC_OUT));
	esp.sa.bundle_size = 3;
	assert_int_equal(submit(fixture, &esp), ERR_INVALID);
	esp.sa.bundle_size = 2;
	assert_int_equal(submit(fixture, &esp), ERR_OK);
	found = record_find_sa_for(fixture->dataplane, &flow, IPSEC_OUT);
	assert_non_null(found);
	assert_int_equal(found->suite.protocol, IPSEC_ESP);

	move.move = (struct dataplane_move){.spi = 0x1000,
	    .protocol = IPSEC_ESP,
	    .destination = esp.sa.destination,
	    .remote = {.address = parse("198.51.100.1"), .port = 4500}};
	assert_int_equal(submit(fixture, &move), ERR_OK);
	assert_int_equal(submit(fixture, &move), ERR_NOT_FOUND);
	assert_int_equal(record_sa_count(fixture->dataplane), 2);
	assert_non_null(
	    record_find_sa(fixture->dataplane, 0x1001, IPSEC_AH, &move.move.remote.address));
	ah.operation = DATAPLANE_DELETE_SA;
	ah.sa.destination = move.move.remote.address;
	assert_int_equal(submit(fixture, &ah), ERR_OK);
	assert_null(record_find_sa_for(fixture->dataplane, &flow, IPSEC_OUT));
}

static void test_policies(void **state)
{
	struct fixture *fixture = *state;
	struct dataplane_request request = {.operation = DATAPLANE_ADD_POLICY, .token = 1};

	request.policy = (struct dataplane_policy){.id = 3, .priority = 10};
	assert_int_equal(submit(fixture, &request), ERR_OK);
	assert_int_equal(submit(fixture, &request), ERR_EXISTS);
	request.policy.id = 4;
	assert_int_equal(submit(fixture, &request), ERR_EXISTS); /* same priority */
	request.policy.priority = 11;
	assert_int_equal(submit(fixture, &request), ERR_OK);
	assert_int_equal(record_policy_count(fixture->dataplane), 2);
	assert_int_equal(record_find_policy(fixture->dataplane, 4)->priority, 11);
	request.policy.priority = 12; /* another selector of the same rule */
	assert_int_equal(submit(fixture, &request), ERR_OK);
	assert_int_equal(record_policy_count(fixture->dataplane), 3);
	request.operation = DATAPLANE_DELETE_POLICY;
	assert_int_equal(submit(fixture, &request), ERR_OK);
	assert_int_equal(record_policy_count(fixture->dataplane), 1);
	assert_int_equal(submit(fixture, &request), ERR_NOT_FOUND);
	assert_int_equal(record_request_count(fixture->dataplane, DATAPLANE_ADD_POLICY), 3);
}

static void test_failure_on_request(void **state)
{
	struct fixture *fixture = *state;
	struct dataplane_request request = sa_request(DATAPLANE_ADD_SA, IPSEC_OUT, 256);

	record_fail_next(fixture->dataplane, DATAPLANE_ADD_SA, ERR_SYSTEM);
	assert_int_equal(submit(fixture, &request), ERR_SYSTEM);
	assert_int_equal(submit(fixture, &request), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_reserve_then_install, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_reservation_is_released_by_delete, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		test_sequential_spis_skip_those_in_use, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_last_added_carries_the_flow, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_refuses_what_the_seam_forbids, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_bundles, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_policies, setup, teardown),
	    cmocka_unit_test_setup_teardown(test_failure_on_request, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
