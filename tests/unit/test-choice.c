/* Which exchange method is tried with a host, and what is remembered of the others. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <string.h>

#include "kx/choice.h"

#define MINUTE 60000

static const struct policy_peer peer = {.fallback = POLICY_FALLBACK_NO_REALM |
                                                    POLICY_FALLBACK_NO_PRINCIPAL |
                                                    POLICY_FALLBACK_NO_KDC | POLICY_FALLBACK_SILENT,
    .fallback_retry = 10 * MINUTE};
static const struct policy_rule both = {
    .exchanges = {EXCHANGE_KINK, EXCHANGE_IKEV1}, .exchange_count = 2};
static const struct policy_rule only_kink = {.exchanges = {EXCHANGE_KINK}, .exchange_count = 1};

static struct address host(uint8_t last)
{
	struct address address = {.family = 4, .octets = {10, 0, 0, last}};

	return address;
}

static void the_first_listed_is_tried_first(void **state)
{
	struct kx_choices choices = {.limit = 4};
	struct address a = host(1);

	(void)state;
	assert_int_equal(kx_choice_first(&choices, &both, &a, 0), EXCHANGE_KINK);
	assert_int_equal(kx_choice_after(&choices, &both, &a, EXCHANGE_KINK, 0), EXCHANGE_IKEV1);
	assert_int_equal(kx_choice_after(&choices, &both, &a, EXCHANGE_IKEV1, 0), KX_CHOICE_NONE);
	assert_int_equal(
	    kx_choice_after(&choices, &only_kink, &a, EXCHANGE_KINK, 0), KX_CHOICE_NONE);
}

static void what_is_left_is_passed_over_for_a_time(void **state)
{
	struct kx_choices choices = {.limit = 4};
	struct address a = host(1);
	struct address b = host(2);
	const struct kx_left *left;

	(void)state;
	kx_choice_leave(&choices, &peer, &a, EXCHANGE_KINK, KX_FAILURE_NO_KDC, "no KDC answers", 5);
	left = kx_choice_left(&choices, &a, EXCHANGE_KINK, 5);
	assert_non_null(left);
	assert_int_equal(left->failure, KX_FAILURE_NO_KDC);
	assert_int_equal(left->until_ms, 5 + 10 * MINUTE);
	assert_string_equal(left->why, "no KDC answers");
	assert_int_equal(kx_choice_first(&choices, &both, &a, 5), EXCHANGE_IKEV1);
	/* Of that host alone. */
	assert_int_equal(kx_choice_first(&choices, &both, &b, 5), EXCHANGE_KINK);
	/* What lists nothing else has no choice. */
	assert_int_equal(kx_choice_first(&choices, &only_kink, &a, 5), EXCHANGE_KINK);
	assert_int_equal(
	    kx_choice_reconsider(&choices, &both, &a, EXCHANGE_IKEV1), 5 + 10 * MINUTE);
	assert_int_equal(kx_choice_reconsider(&choices, &both, &a, EXCHANGE_KINK), 0);
	assert_int_equal(kx_choice_reconsider(&choices, &both, &b, EXCHANGE_IKEV1), 0);
	/* Its time is over. */
	assert_int_equal(kx_choice_first(&choices, &both, &a, 5 + 10 * MINUTE), EXCHANGE_KINK);
	assert_null(kx_choice_left(&choices, &a, EXCHANGE_KINK, 5 + 10 * MINUTE));
	kx_choices_clear(&choices);
}

static void what_works_is_no_longer_left(void **state)
{
	struct kx_choices choices = {.limit = 4};
	struct address a = host(1);

	(void)state;
	kx_choice_leave(&choices, &peer, &a, EXCHANGE_KINK, KX_FAILURE_SILENT, "", 0);
	kx_choice_leave(&choices, &peer, &a, EXCHANGE_IKEV1, KX_FAILURE_SILENT, "", 0);
	kx_choice_forget(&choices, &a, EXCHANGE_KINK);
	assert_null(kx_choice_left(&choices, &a, EXCHANGE_KINK, 0));
	assert_non_null(kx_choice_left(&choices, &a, EXCHANGE_IKEV1, 0));
	kx_choice_forget(&choices, &a, EXCHANGE_COUNT);
	assert_null(kx_choice_left(&choices, &a, EXCHANGE_IKEV1, 0));
	assert_null(choices.by_remote);
}

/* The table of doc/fallback.md: what may move on, and only where its own switch is on. */
static void only_named_reasons_move_on(void **state)
{
	static const struct {
		enum kx_failure failure;
		unsigned bit;
		const char *name;
	} rows[] = {
	    {KX_FAILURE_FINAL, 0, ""},
	    {KX_FAILURE_NO_REALM, POLICY_FALLBACK_NO_REALM, "no-realm"},
	    {KX_FAILURE_NO_PRINCIPAL, POLICY_FALLBACK_NO_PRINCIPAL, "no-principal"},
	    {KX_FAILURE_NO_KDC, POLICY_FALLBACK_NO_KDC, "no-kdc"},
	    {KX_FAILURE_SILENT, POLICY_FALLBACK_SILENT, "silent"},
	};

	(void)state;
	assert_int_equal(sizeof(rows) / sizeof(rows[0]), KX_FAILURE_COUNT);
	for (size_t i = 0; i < KX_FAILURE_COUNT; i++) {
		struct policy_peer one = {.fallback = rows[i].bit};
		struct policy_peer others = {.fallback = ~rows[i].bit};
		struct policy_peer none = {.fallback = 0};

		assert_int_equal(kx_choice_moves_on(&one, rows[i].failure), rows[i].bit != 0);
		assert_false(kx_choice_moves_on(&others, rows[i].failure));
		assert_false(kx_choice_moves_on(&none, rows[i].failure));
		assert_string_equal(kx_failure_name(rows[i].failure), rows[i].name);
	}
}

static void memory_has_a_limit(void **state)
{
	struct kx_choices choices = {.limit = 2};
	struct address hosts[4];

	(void)state;
	for (uint8_t i = 0; i < 4; i++)
		hosts[i] = host(i);
	for (size_t i = 0; i < 3; i++)
		kx_choice_leave(
		    &choices, &peer, &hosts[i], EXCHANGE_KINK, KX_FAILURE_SILENT, "", 0);
	assert_int_equal(HASH_CNT(by_remote, choices.by_remote), 2);
	assert_int_equal(kx_choice_first(&choices, &both, &hosts[2], 0), EXCHANGE_KINK);
	/* What is over makes room. */
	kx_choice_leave(
	    &choices, &peer, &hosts[3], EXCHANGE_KINK, KX_FAILURE_SILENT, "", 10 * MINUTE);
	assert_int_equal(HASH_CNT(by_remote, choices.by_remote), 1);
	assert_int_equal(kx_choice_first(&choices, &both, &hosts[3], 10 * MINUTE), EXCHANGE_IKEV1);
	kx_choices_clear(&choices);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_first_listed_is_tried_first),
	    cmocka_unit_test(what_is_left_is_passed_over_for_a_time),
	    cmocka_unit_test(what_works_is_no_longer_left),
	    cmocka_unit_test(only_named_reasons_move_on),
	    cmocka_unit_test(memory_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
