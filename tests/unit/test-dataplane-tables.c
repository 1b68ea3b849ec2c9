/* Tests of the userspace data plane's tables: SAs, policies, and packets that wait. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/selector.h"
#include "dataplane/userspace/hold.h"
#include "dataplane/userspace/promises.h"
#include "dataplane/userspace/sa_table.h"
#include "dataplane/userspace/spd.h"

static struct address parse(const char *text)
{
	struct address address;

	assert_int_equal(address_parse(text, &address), ERR_OK);
	return address;
}

static struct address_range range(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	return range_of_prefix(&prefix);
}

static struct selector selector(const char *local, const char *remote)
{
	return (struct selector){.local = range(local),
	    .remote = range(remote),
	    .local_ports = PORT_ANY,
	    .remote_ports = PORT_ANY};
}

static struct dataplane_flow flow(uint32_t policy_id, const char *local, const char *remote)
{
	return (struct dataplane_flow){
	    .policy_id = policy_id, .local = parse(local), .remote = parse(remote), .protocol = 1};
}

static struct dataplane_sa sa(
    enum ipsec_direction direction, uint32_t spi, const char *local, const char *remote)
{
	return (struct dataplane_sa){.direction = direction,
	    .spi = spi,
	    .source = parse("192.0.2.1"),
	    .destination = parse("192.0.2.2"),
	    .policy_id = 1,
	    .suite = {.protocol = IPSEC_ESP, .encryption = ENCRYPTION_AES_GCM_16, .key_bits = 256},
	    .selector = selector(local, remote),
	    .replay_window = 64,
	    .key_len = 36};
}

static void test_newest_matching_sa_is_used(void **state)
{
	struct sa_table *table = sa_table_new();
	struct dataplane_sa host = sa(IPSEC_OUT, 1000, "192.0.2.1", "192.0.2.2");
	struct dataplane_sa wide = sa(IPSEC_OUT, 1001, "192.0.2.0/24", "192.0.2.0/24");
	struct dataplane_sa newer = sa(IPSEC_OUT, 1002, "192.0.2.1", "192.0.2.2");
	struct dataplane_flow wanted = flow(1, "192.0.2.1", "192.0.2.2");
	struct dataplane_flow other = flow(1, "192.0.2.1", "192.0.2.3");
	struct dataplane_flow foreign = flow(2, "192.0.2.1", "192.0.2.2");

	(void)state;
	assert_null(sa_table_find_outbound(table, &wanted));
	assert_int_equal(sa_table_add(table, &host, 0, NULL), ERR_OK);
	assert_int_equal(sa_table_find_outbound(table, &wanted)->told.spi, 1000);
	assert_null(sa_table_find_outbound(table, &other));
	assert_null(sa_table_find_outbound(table, &foreign));
	assert_int_equal(sa_table_add(table, &wide, 0, NULL), ERR_OK);
	assert_int_equal(sa_table_find_outbound(table, &wanted)->told.spi, 1001);
	assert_int_equal(sa_table_find_outbound(table, &other)->told.spi, 1001);
	assert_int_equal(sa_table_add(table, &newer, 0, NULL), ERR_OK);
	assert_int_equal(sa_table_find_outbound(table, &wanted)->told.spi, 1002);
	/* One that is used up is passed over, one that is deleted is gone. */
	sa_table_find_outbound(table, &wanted)->hard_reported = true;
	assert_int_equal(sa_table_find_outbound(table, &wanted)->told.spi, 1001);
	sa_table_delete(table, sa_table_find_outbound(table, &wanted));
	assert_int_equal(sa_table_find_outbound(table, &wanted)->told.spi, 1000);
	sa_table_free(table);
}

static void test_reserved_spi_becomes_an_sa(void **state)
{
	struct sa_table *table = sa_table_new();
	struct dataplane_sa in = sa(IPSEC_IN, 0, "192.0.2.2", "192.0.2.1");
	struct problem problem;
	const struct sa *found;

	(void)state;
	assert_int_equal(sa_table_reserve(table, IPSEC_ESP, &in.destination, &in.spi), ERR_OK);
	assert_true(in.spi >= 256);
	found = sa_table_find(table, in.spi, IPSEC_ESP, &in.destination);
	assert_non_null(found);
	assert_false(found->installed);
	assert_int_equal(sa_table_add(table, &in, 0, &problem), ERR_OK);
	assert_true(found->installed);
	assert_int_equal(sa_table_add(table, &in, 0, &problem), ERR_EXISTS);
	for (size_t i = 0; i < sizeof(found->told.key); i++)
		assert_int_equal(found->told.key[i], 0);
	sa_table_free(table);
}

static void test_unusable_sas_are_refused(void **state)
{
	struct sa_table *table = sa_table_new();
	struct dataplane_sa told = sa(IPSEC_OUT, 255, "192.0.2.1", "192.0.2.2");
	struct problem problem;

	(void)state;
	assert_int_equal(sa_table_add(table, &told, 0, &problem), ERR_INVALID);
	told.spi = 256;
	told.key_len = 35;
	assert_int_equal(sa_table_add(table, &told, 0, &problem), ERR_INVALID);
	told.key_len = 36;
	told.encapsulation_source = 4500;
	assert_int_equal(sa_table_add(table, &told, 0, &problem), ERR_INVALID);
	told.encapsulation_source = 0;
	told.suite.protocol = IPSEC_AH; /* with encryption */
	assert_int_equal(sa_table_add(table, &told, 0, &problem), ERR_UNSUPPORTED);
	told.suite = (struct suite){.protocol = IPSEC_AH, .integrity = INTEGRITY_HMAC_SHA1_96};
	told.key_len = 20;
	told.encapsulation_source = told.encapsulation_destination = 4500;
	assert_int_equal(sa_table_add(table, &told, 0, &problem), ERR_INVALID);
	told.encapsulation_source = told.encapsulation_destination = 0;
	told.suite = (struct suite){.protocol = IPSEC_IPCOMP}; /* without ESP or AH around it */
	told.key_len = 0;
	assert_int_equal(sa_table_add(table, &told, 0, &problem), ERR_INVALID);
	assert_null(sa_table_find(table, 256, IPSEC_ESP, &told.destination));
	sa_table_free(table);
}

/* Enough to make the tables grow several times; then all go again in another order. */
static void test_many_sas(void **state)
{
	enum { COUNT = 3000 };
	struct sa_table *table = sa_table_new();
	struct dataplane_sa told = sa(IPSEC_OUT, 0, "192.0.2.1", "192.0.2.2");

	(void)state;
	for (uint32_t i = 0; i < COUNT; i++) {
		char remote[ADDRESS_TEXT_SIZE];

		(void)snprintf(remote, sizeof(remote), "10.0.%u.%u", i / 2 / 250, i / 2 % 250);
		told.spi = 1000 + i;
		told.selector.remote = range(remote);
		assert_int_equal(sa_table_add(table, &told, 0, NULL), ERR_OK);
	}
	for (uint32_t i = 0; i < COUNT; i += 2) {
		char remote[ADDRESS_TEXT_SIZE];
		struct dataplane_flow wanted;

		(void)snprintf(remote, sizeof(remote), "10.0.%u.%u", i / 2 / 250, i / 2 % 250);
		wanted = flow(1, "192.0.2.1", remote);
		assert_int_equal(sa_table_find_outbound(table, &wanted)->told.spi, 1000 + i + 1);
		sa_table_delete(
		    table, sa_table_find(table, 1000 + i + 1, IPSEC_ESP, &told.destination));
		assert_int_equal(sa_table_find_outbound(table, &wanted)->told.spi, 1000 + i);
		sa_table_delete(
		    table, sa_table_find(table, 1000 + i, IPSEC_ESP, &told.destination));
		assert_null(sa_table_find_outbound(table, &wanted));
	}
	sa_table_free(table);
}

static void test_policies_in_order(void **state)
{
	struct spd spd = {0};
	struct dataplane_policy net = {.id = 1,
	    .priority = 20,
	    .action = POLICY_REQUIRE,
	    .selector = selector("0.0.0.0/0", "10.0.0.0/8")};
	struct dataplane_policy host = {.id = 2,
	    .priority = 10,
	    .action = POLICY_BYPASS,
	    .selector = selector("0.0.0.0/0", "10.0.0.1")};
	struct dataplane_policy port = {.id = 1,
	    .priority = 15,
	    .action = POLICY_DISCARD,
	    .selector = selector("0.0.0.0/0", "10.0.0.2")};
	struct dataplane_policy taken;
	struct dataplane_flow to_host = flow(0, "192.0.2.1", "10.0.0.1");
	struct dataplane_flow to_port = flow(0, "192.0.2.1", "10.0.0.2");
	struct dataplane_flow outside = flow(0, "192.0.2.1", "11.0.0.1");

	(void)state;
	port.selector.protocol = 6;
	port.selector.remote_ports = (struct port_range){80, 90};
	to_port.protocol = 6;
	to_port.remote_port = 85;
	assert_int_equal(spd_add(&spd, &net), ERR_OK);
	assert_int_equal(spd_add(&spd, &host), ERR_OK);
	assert_int_equal(spd_add(&spd, &port), ERR_OK);
	assert_int_equal(spd_add(&spd, &port), ERR_EXISTS);
	assert_int_equal(spd_match(&spd, &to_host)->priority, 10);
	assert_int_equal(spd_match(&spd, &to_port)->priority, 15);
	assert_true(spd_discards(&spd, &to_port));
	assert_false(spd_discards(&spd, &to_host));
	to_port.remote_port = 91;
	assert_false(spd_discards(&spd, &to_port));
	assert_int_equal(spd_match(&spd, &to_port)->priority, 20);
	to_port.remote_port = 85;
	assert_null(spd_match(&spd, &outside));
	assert_int_equal(spd_take(&spd, 1, &taken), ERR_OK);
	assert_int_equal(taken.priority, 15);
	assert_false(spd_discards(&spd, &to_port));
	assert_int_equal(spd_take(&spd, 1, &taken), ERR_OK);
	assert_int_equal(taken.priority, 20);
	assert_int_equal(spd_take(&spd, 1, &taken), ERR_NOT_FOUND);
	assert_int_equal(spd.count, 1);
	spd_clear(&spd);
}

static unsigned ready_frames(struct hold *hold, const char *expected)
{
	struct held_frame *frame;
	unsigned count = 0;

	while ((frame = hold_next_ready(hold)) != NULL) {
		assert_int_equal(frame->len, 1);
		assert_int_equal(frame->octets[0], expected[count]);
		count++;
		free(frame);
	}
	return count;
}

static enum hold_result add(struct hold *hold, const struct dataplane_flow *wanted, char frame)
{
	return hold_add(hold, wanted, false, bytes_of(&frame, 1), 0);
}

static void test_held_packets_are_bounded_and_ordered(void **state)
{
	struct hold *hold = hold_new(3, 2);
	struct dataplane_flow first = flow(1, "192.0.2.1", "192.0.2.2");
	struct dataplane_flow second = flow(1, "192.0.2.1", "192.0.2.3");
	struct dataplane_flow third = flow(1, "192.0.2.1", "192.0.2.4");
	struct dataplane_sa answer = sa(IPSEC_OUT, 1000, "192.0.2.1", "192.0.2.2");

	(void)state;
	assert_int_equal(add(hold, &first, 'a'), HOLD_ASK);
	assert_int_equal(add(hold, &first, 'b'), HOLD_WAITING);
	assert_int_equal(add(hold, &second, 'x'), HOLD_ASK);
	assert_int_equal(add(hold, &third, 'y'), HOLD_FULL);
	assert_int_equal(add(hold, &first, 'c'), HOLD_WAITING);
	assert_int_equal(add(hold, &first, 'd'), HOLD_WAITING); /* one too many */
	assert_null(hold_next_ready(hold));
	assert_true(hold_release(hold, answer.policy_id, &answer.selector));
	assert_int_equal(ready_frames(hold, "abc"), 3);
	/* The place of the answered flow is free again. */
	assert_int_equal(add(hold, &third, 'y'), HOLD_ASK);
	hold_free(hold);
}

/* Who is told that no SA will come does not ask again with every packet. */
static void test_failed_flows_ask_after_a_while(void **state)
{
	struct hold *hold = hold_new(3, 2);
	struct dataplane_flow wanted = flow(1, "192.0.2.1", "192.0.2.2");
	struct dataplane_flow second = flow(1, "192.0.2.1", "192.0.2.3");
	struct dataplane_flow third = flow(1, "192.0.2.1", "192.0.2.4");
	struct dataplane_sa answer = sa(IPSEC_OUT, 1000, "192.0.2.1", "192.0.2.2");
	struct bytes b = bytes_of("b", 1);

	(void)state;
	assert_int_equal(add(hold, &wanted, 'a'), HOLD_ASK);
	hold_fail(hold, 1, &answer.selector, 5);
	assert_int_equal(hold_add(hold, &wanted, false, b, HOLD_REFUSAL_MS + 4), HOLD_WAITING);
	assert_int_equal(hold_add(hold, &wanted, false, b, HOLD_REFUSAL_MS + 5), HOLD_ASK);
	assert_int_equal(hold_add(hold, &wanted, false, b, HOLD_REFUSAL_MS + 6), HOLD_WAITING);
	assert_true(hold_release(hold, answer.policy_id, &answer.selector));
	assert_int_equal(ready_frames(hold, "bb"), 2);
	/* An SA is there sooner than that. */
	assert_int_equal(add(hold, &wanted, 'c'), HOLD_ASK);
	hold_fail(hold, 1, &answer.selector, 5);
	assert_false(hold_release(hold, answer.policy_id, &answer.selector));
	assert_int_equal(add(hold, &wanted, 'd'), HOLD_ASK);
	/* Where room is short failures are forgotten, not wishes. */
	hold_fail(hold, 1, &answer.selector, 5);
	assert_int_equal(add(hold, &second, 'e'), HOLD_ASK);
	assert_int_equal(add(hold, &third, 'f'), HOLD_ASK);
	assert_int_equal(add(hold, &wanted, 'g'), HOLD_FULL);
	hold_forget(hold, 1);
	assert_int_equal(add(hold, &wanted, 'h'), HOLD_ASK);
	/* An SA of another policy, or for other packets, answers nothing. */
	answer.policy_id = 2;
	assert_false(hold_release(hold, answer.policy_id, &answer.selector));
	answer.policy_id = 1;
	answer.selector.protocol = 6;
	assert_false(hold_release(hold, answer.policy_id, &answer.selector));
	hold_free(hold);
}

static void test_ports_tell_flows_apart_where_they_matter(void **state)
{
	struct hold *hold = hold_new(3, 8);
	struct dataplane_flow web = flow(1, "192.0.2.1", "192.0.2.2");
	struct dataplane_flow mail = web;
	struct bytes nothing = {0};

	(void)state;
	web.protocol = mail.protocol = 6;
	web.remote_port = 443;
	mail.remote_port = 25;
	assert_int_equal(hold_add(hold, &web, true, nothing, 0), HOLD_ASK);
	assert_int_equal(hold_add(hold, &mail, true, nothing, 0), HOLD_ASK);
	web.policy_id = mail.policy_id = 2;
	assert_int_equal(hold_add(hold, &web, false, nothing, 0), HOLD_ASK);
	assert_int_equal(hold_add(hold, &mail, false, nothing, 0), HOLD_WAITING);
	/* Nobody answered for a minute. */
	assert_int_equal(hold_add(hold, &mail, false, nothing, 60000), HOLD_ASK);
	assert_int_equal(hold_add(hold, &mail, false, nothing, 60001), HOLD_WAITING);
	hold_free(hold);
}

static void put_line(const char *path, const char *line)
{
	FILE *file = fopen(path, "a");

	assert_non_null(file);
	assert_true(fputs(line, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

/* What was protected once is so in the next run, while a policy requests it; nothing else is. */
static void test_promises_outlive_a_run(void **state)
{
	char path[] = "/tmp/kinkd-promises-XXXXXX";
	struct dataplane_policy policy = {.id = 3,
	    .priority = 9,
	    .action = POLICY_REQUEST,
	    .selector = selector("10.0.0.0/8", "10.9.0.0/24")};
	struct selector kept = selector("10.1.0.1/32", "10.9.0.2/32");
	struct selector left = selector("10.1.0.1/32", "10.8.0.2/32");
	struct dataplane_flow protected = flow(3, "10.1.0.1", "10.9.0.2");
	struct dataplane_flow other = flow(3, "10.1.0.1", "10.9.0.3");
	struct spd spd = {0};
	struct log log;
	int fd = mkstemp(path);

	(void)state;
	log_init(&log, NULL, NULL, LOG_LEVEL_ERROR);
	assert_true(fd >= 0);
	(void)close(fd);
	promises_note(path, &kept, &log);
	promises_note(path, &left, &log);
	put_line(path, "10.1.0.1 10.1.0.1 10.9.0.3 10.9.0.3 0 65535 0 65536 0\n"
		       "10.1.0.1 10.1.0.1 10.9.0.3 2001:db8::1 0 65535 0 65535 0\n"
		       "10.1.0.1 10.1.0.1 10.9.0.3 10.9.0.2 0 65535 0 65535 0\n"
		       "\n10.1.0.1 10.1.0.1 10.9.0.3 nowhere 0 65535 0 65535 0");
	assert_int_equal(spd_add(&spd, &policy), ERR_OK);
	promises_recall(path, &spd, policy.id);
	assert_true(spd_is_required(&spd, &spd.policies[0], &protected));
	assert_false(spd_is_required(&spd, &spd.policies[0], &other));
	assert_int_equal(spd.flow_count, 1);
	promises_tidy(path, &spd, &log);
	spd_clear(&spd);

	policy.selector.remote = range("10.0.0.0/8");
	assert_int_equal(spd_add(&spd, &policy), ERR_OK);
	promises_recall(path, &spd, policy.id);
	assert_int_equal(spd.flow_count, 1);
	assert_true(spd_is_required(&spd, &spd.policies[0], &protected));
	spd_clear(&spd);
	promises_forget(path);
	assert_int_not_equal(access(path, F_OK), 0);
	promises_recall(path, &spd, policy.id);
	promises_tidy(path, &spd, &log);
	assert_int_not_equal(access(path, F_OK), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_newest_matching_sa_is_used),
	    cmocka_unit_test(test_reserved_spi_becomes_an_sa),
	    cmocka_unit_test(test_unusable_sas_are_refused),
	    cmocka_unit_test(test_many_sas),
	    cmocka_unit_test(test_policies_in_order),
	    cmocka_unit_test(test_held_packets_are_bounded_and_ordered),
	    cmocka_unit_test(test_failed_flows_ask_after_a_while),
	    cmocka_unit_test(test_ports_tell_flows_apart_where_they_matter),
	    cmocka_unit_test(test_promises_outlive_a_run),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
