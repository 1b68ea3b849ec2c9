/*
 * The kernel data plane's messages, octet for octet against structures laid by hand
 * (linux/xfrm.h), and its tables. What a real kernel makes of them is in
 * tests/dataplane/test-xfrm.sh.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

#include "dataplane/xfrm/message.h"
#include "dataplane/xfrm/wishes.h"

static struct address address(const char *text)
{
	struct address out;

	assert_int_equal(address_parse(text, &out), ERR_OK);
	return out;
}

static struct address_range range(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, &prefix), ERR_OK);
	return range_of_prefix(&prefix);
}

static struct selector hosts(const char *local, const char *remote)
{
	return (struct selector){.local = range(local),
	    .remote = range(remote),
	    .local_ports = PORT_ANY,
	    .remote_ports = PORT_ANY};
}

static const struct message_terms plain;

static uint8_t buffer[8192] __attribute__((aligned(8)));

static struct nlmsghdr *begin(void)
{
	memset(buffer, 0, sizeof(buffer));
	return mnl_nlmsg_put_header(buffer);
}

struct wanted {
	uint16_t type;
	const struct nlattr *found;
};

static int look(const struct nlattr *attribute, void *context)
{
	struct wanted *wanted = context;

	if (mnl_attr_get_type(attribute) == wanted->type)
		wanted->found = attribute;
	return MNL_CB_OK;
}

/* The attribute's octets are these; size 0: there is none. */
static void check_attribute(const struct nlmsghdr *message, unsigned header, uint16_t type,
    const void *expected, size_t size)
{
	struct wanted wanted = {.type = type};

	(void)mnl_attr_parse(message, header, look, &wanted);
	if (size == 0) {
		assert_null(wanted.found);
		return;
	}
	assert_non_null(wanted.found);
	assert_int_equal(mnl_attr_get_payload_len(wanted.found), size);
	assert_memory_equal(mnl_attr_get_payload(wanted.found), expected, size);
}

static void test_numbers(void **state)
{
	uint32_t reqid = message_reqid(7, IPSEC_OUT);
	uint32_t index = message_index(9, XFRM_POLICY_FWD);

	(void)state;
	assert_int_equal(reqid, 0x4b00000f);
	assert_int_equal(message_reqid(7, IPSEC_IN), 0x4b00000e);
	assert_true(message_is_own(reqid));
	assert_int_equal(message_policy_of_reqid(reqid), 7);
	assert_int_equal(message_direction_of_reqid(reqid), IPSEC_OUT);
	assert_int_equal(message_direction_of_reqid(0x4b00000e), IPSEC_IN);
	/* The greatest numbers stay in the range. */
	assert_true(message_is_own(message_reqid(MESSAGE_POLICY_ID_MAX, IPSEC_OUT)));
	assert_int_equal(message_policy_of_reqid(message_reqid(MESSAGE_POLICY_ID_MAX, IPSEC_OUT)),
	    MESSAGE_POLICY_ID_MAX);
	assert_true(message_is_own(message_index(MESSAGE_NUMBER_MAX, XFRM_POLICY_FWD)));
	/* As the kernel has it: xfrm_policy_id2dir() is index & 7. */
	assert_int_equal(index & 7, XFRM_POLICY_FWD);
	assert_int_equal(message_number_of_index(index), 9);
	assert_false(message_is_own(16384));
}

static void test_port_blocks(void **state)
{
	static const struct {
		struct port_range range;
		size_t count;
		struct message_ports first, last;
	} cases[] = {
	    {{0, 65535}, 1, {0, 0}, {0, 0}},
	    {{80, 80}, 1, {80, 0xffff}, {80, 0xffff}},
	    {{1024, 65535}, 6, {1024, 0xfc00}, {32768, 0x8000}},
	    {{1, 65534}, 30, {1, 0xffff}, {65534, 0xffff}},
	    {{8, 11}, 1, {8, 0xfffc}, {8, 0xfffc}},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message_ports blocks[MESSAGE_PORTS_MAX];
		size_t count = message_port_blocks(&cases[i].range, blocks);
		uint32_t covered = 0;

		assert_int_equal(count, cases[i].count);
		assert_int_equal(blocks[0].port, cases[i].first.port);
		assert_int_equal(blocks[0].mask, cases[i].first.mask);
		assert_int_equal(blocks[count - 1].port, cases[i].last.port);
		assert_int_equal(blocks[count - 1].mask, cases[i].last.mask);
		for (size_t j = 0; j < count; j++)
			covered += (uint16_t)~blocks[j].mask + 1U;
		assert_int_equal(covered, cases[i].range.last - cases[i].range.first + 1U);
	}
}

/* Require, tunnel mode, IPComp in ESP, the inbound side: the remote is the source. */
static void test_policy(void **state)
{
	struct dataplane_policy told = {.id = 5,
	    .priority = 3,
	    .action = POLICY_REQUIRE,
	    .selector = hosts("10.1.0.0/16", "10.2.0.0/16"),
	    .mode = IPSEC_TUNNEL,
	    .tunnel_local = address("192.0.2.1"),
	    .tunnel_remote = address("192.0.2.2"),
	    .protocols = {IPSEC_IPCOMP, IPSEC_ESP},
	    .protocol_count = 2};
	struct message_selector seen;
	struct message_policy policy = {.direction = XFRM_POLICY_IN,
	    .index = 0x4b000008,
	    .priority = 1030,
	    .told = &told,
	    .action = POLICY_REQUIRE};
	struct nlmsghdr *message = begin();
	struct xfrm_userpolicy_info info;
	struct xfrm_user_tmpl templates[2];

	(void)state;
	assert_true(message_selector_of(&told.selector, &seen));
	policy.selector = message_selector(&seen, XFRM_POLICY_IN);
	message_put_policy(message, &policy);

	memset(&info, 0, sizeof(info));
	info.sel.family = AF_INET;
	info.sel.saddr.a4 = htonl(0x0a020000);
	info.sel.daddr.a4 = htonl(0x0a010000);
	info.sel.prefixlen_s = info.sel.prefixlen_d = 16;
	info.lft.soft_byte_limit = info.lft.hard_byte_limit = XFRM_INF;
	info.lft.soft_packet_limit = info.lft.hard_packet_limit = XFRM_INF;
	info.priority = 1030;
	info.index = 0x4b000008;
	info.dir = XFRM_POLICY_IN;
	assert_memory_equal(mnl_nlmsg_get_payload(message), &info, sizeof(info));

	memset(templates, 0, sizeof(templates));
	for (int i = 0; i < 2; i++) {
		templates[i].family = AF_INET;
		templates[i].reqid = 0x4b00000a;
		templates[i].aalgos = templates[i].ealgos = templates[i].calgos = ~0U;
	}
	templates[0].id.proto = 108;
	templates[0].id.daddr.a4 = htonl(0xc0000201);
	templates[0].saddr.a4 = htonl(0xc0000202);
	templates[0].mode = XFRM_MODE_TUNNEL;
	templates[0].optional = 1; /* what does not compress comes without (RFC 3173 2.2) */
	templates[1].id.proto = 50;
	templates[1].mode = XFRM_MODE_TRANSPORT;
	check_attribute(message, sizeof(info), XFRMA_TMPL, templates, sizeof(templates));
}

static void test_policy_actions(void **state)
{
	static const struct {
		enum policy_action action;
		uint8_t kernel;
		bool templates, optional;
	} cases[] = {{POLICY_REQUIRE, XFRM_POLICY_ALLOW, true, false},
	    {POLICY_REQUEST, XFRM_POLICY_ALLOW, true, true},
	    {POLICY_BYPASS, XFRM_POLICY_ALLOW, false, false},
	    {POLICY_DISCARD, XFRM_POLICY_BLOCK, false, false}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dataplane_policy told = {
		    .action = cases[i].action, .selector = hosts("fd09::1", "fd09::/64")};
		struct message_policy policy = {
		    .direction = XFRM_POLICY_OUT, .told = &told, .action = told.action};
		struct nlmsghdr *message = begin();
		const struct xfrm_userpolicy_info *info = mnl_nlmsg_get_payload(message);
		struct wanted wanted = {.type = XFRMA_TMPL};

		message_put_policy(message, &policy);
		assert_int_equal(info->action, cases[i].kernel);
		(void)mnl_attr_parse(message, sizeof(*info), look, &wanted);
		assert_int_equal(wanted.found != NULL, cases[i].templates);
		if (wanted.found != NULL) {
			const struct xfrm_user_tmpl *template = mnl_attr_get_payload(wanted.found);

			assert_int_equal(template->optional, cases[i].optional);
			assert_int_equal(template->family, AF_INET6);
		}
	}
}

static struct dataplane_sa sa_of(enum ipsec_direction direction)
{
	struct dataplane_sa sa = {.direction = direction,
	    .spi = 0x12345678,
	    .source = address("192.0.2.2"),
	    .destination = address("192.0.2.1"),
	    .suite = {.protocol = IPSEC_ESP, .encryption = ENCRYPTION_AES_GCM_16, .key_bits = 256},
	    .selector = hosts("192.0.2.1", "192.0.2.2"),
	    .policy_id = 5,
	    .hard_seconds = 3600,
	    .soft_bytes = 900,
	    .hard_bytes = 1000,
	    .key_len = 36};

	for (uint8_t i = 0; i < SA_KEY_MAX; i++)
		sa.key[i] = i;
	return sa;
}

static void test_sa(void **state)
{
	struct dataplane_sa sa = sa_of(IPSEC_IN);
	struct nlmsghdr *message = begin();
	struct xfrm_usersa_info info;
	uint8_t aead[sizeof(struct xfrm_algo_aead) + 36] = "rfc4106(gcm(aes))";
	uint32_t sizes[2] = {36 * 8, 128};
	struct xfrm_encap_tmpl encapsulation;

	(void)state;
	sa.replay_window = 32;
	sa.encapsulation_source = 1024;
	sa.encapsulation_destination = 4500;
	message_put_sa(message, &sa, &plain);

	memset(&info, 0, sizeof(info));
	info.sel.family = AF_INET;
	info.sel.saddr.a4 = info.saddr.a4 = htonl(0xc0000202);
	info.sel.daddr.a4 = info.id.daddr.a4 = htonl(0xc0000201);
	info.sel.prefixlen_s = info.sel.prefixlen_d = 32;
	info.id.spi = htonl(0x12345678);
	info.id.proto = 50;
	info.lft.soft_byte_limit = 900;
	info.lft.hard_byte_limit = 1000;
	info.lft.soft_packet_limit = info.lft.hard_packet_limit = XFRM_INF;
	info.lft.hard_add_expires_seconds = 3600;
	info.reqid = 0x4b00000a;
	info.family = AF_INET;
	info.mode = XFRM_MODE_TRANSPORT;
	info.replay_window = 32;
	assert_memory_equal(mnl_nlmsg_get_payload(message), &info, sizeof(info));

	/* Name in 64 octets, bits of key (with its salt) and of ICV, the key. */
	memcpy(aead + 64, sizes, sizeof(sizes));
	memcpy(aead + 72, sa.key, 36);
	check_attribute(message, sizeof(info), XFRMA_ALG_AEAD, aead, sizeof(aead));
	check_attribute(message, sizeof(info), XFRMA_REPLAY_ESN_VAL, NULL, 0);
	memset(&encapsulation, 0, sizeof(encapsulation));
	encapsulation.encap_type = 2;
	encapsulation.encap_sport = htons(1024);
	encapsulation.encap_dport = htons(4500);
	check_attribute(message, sizeof(info), XFRMA_ENCAP, &encapsulation, sizeof(encapsulation));
}

/* Beyond 32 packets the window is a bitmap of its own, up to 4096. */
static void test_windows(void **state)
{
	static const struct {
		uint32_t told, window, words;
	} cases[] = {{33, 33, 2}, {1024, 1024, 32}, {4096, 4096, 128}, {65536, 4096, 128}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dataplane_sa sa = sa_of(IPSEC_IN);
		struct nlmsghdr *message = begin();
		const struct xfrm_usersa_info *info = mnl_nlmsg_get_payload(message);
		uint32_t expected[6 + 128] = {cases[i].words, 0, 0, 0, 0, cases[i].window};

		sa.replay_window = cases[i].told;
		message_put_sa(message, &sa, &plain);
		assert_int_equal(info->replay_window, 0);
		check_attribute(message, sizeof(*info), XFRMA_REPLAY_ESN_VAL, expected,
		    (6 + cases[i].words) * 4);
	}
}

/* AES-CBC with HMAC: the cipher's key comes first in KEYMAT (RFC 4301 4.5.2). */
static void test_cipher_and_integrity(void **state)
{
	struct dataplane_sa sa = sa_of(IPSEC_OUT);
	struct nlmsghdr *message = begin();
	uint8_t cipher[64 + 4 + 16] = "cbc(aes)";
	uint8_t digest[64 + 8 + 32] = "hmac(sha256)";
	uint32_t cipher_bits = 128;
	uint32_t digest_bits[2] = {256, 128};

	(void)state;
	sa.suite = (struct suite){.protocol = IPSEC_ESP,
	    .encryption = ENCRYPTION_AES_CBC,
	    .key_bits = 128,
	    .integrity = INTEGRITY_HMAC_SHA2_256_128};
	sa.key_len = 48;
	message_put_sa(message, &sa, &plain);
	memcpy(cipher + 64, &cipher_bits, 4);
	memcpy(cipher + 68, sa.key, 16);
	memcpy(digest + 64, digest_bits, 8);
	memcpy(digest + 72, sa.key + 16, 32);
	check_attribute(
	    message, sizeof(struct xfrm_usersa_info), XFRMA_ALG_CRYPT, cipher, sizeof(cipher));
	check_attribute(
	    message, sizeof(struct xfrm_usersa_info), XFRMA_ALG_AUTH_TRUNC, digest, sizeof(digest));
}

/* With extended sequence numbers each SA has a bitmap, outbound ones a small one. */
static void test_esn(void **state)
{
	static const struct {
		enum ipsec_direction direction;
		uint32_t told, window, words;
	} cases[] = {{IPSEC_IN, 1024, 1024, 32}, {IPSEC_IN, 32, 32, 1}, {IPSEC_OUT, 0, 1, 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dataplane_sa sa = sa_of(cases[i].direction);
		struct nlmsghdr *message = begin();
		const struct xfrm_usersa_info *info = mnl_nlmsg_get_payload(message);
		uint32_t expected[6 + 32] = {cases[i].words, 0, 0, 0, 0, cases[i].window};

		sa.suite.esn = true;
		sa.replay_window = cases[i].told;
		message_put_sa(message, &sa, &plain);
		assert_int_equal(info->flags, XFRM_STATE_ESN);
		assert_int_equal(info->replay_window, 0);
		check_attribute(message, sizeof(*info), XFRMA_REPLAY_ESN_VAL, expected,
		    (6 + cases[i].words) * 4);
	}
}

/* What is told, and what 32 bits of sequence number leave; of inbound SAs those are the peer's. */
static void test_packet_limits(void **state)
{
	static const struct {
		enum ipsec_direction direction;
		bool esn;
		uint64_t told, soft, hard;
	} cases[] = {
	    {IPSEC_IN, false, 0, XFRM_INF, XFRM_INF},
	    {IPSEC_IN, false, 5000, 4000, 5000},
	    {IPSEC_OUT, false, 0, 0xf0000000, 0xffffffff},
	    {IPSEC_OUT, false, 5000, 4000, 5000},
	    {IPSEC_OUT, false, 0x100001000, 0xf0000000, 0xffffffff},
	    {IPSEC_OUT, true, 0, XFRM_INF, XFRM_INF},
	    {IPSEC_OUT, true, 0x100001000, 0x100000c18, 0x100001000},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct dataplane_sa sa = sa_of(cases[i].direction);
		struct nlmsghdr *message = begin();
		const struct xfrm_usersa_info *info = mnl_nlmsg_get_payload(message);

		sa.suite.esn = cases[i].esn;
		sa.hard_packets = cases[i].told;
		sa.soft_packets = cases[i].told != 0 ? cases[i].told - 1000 : 0;
		message_put_sa(message, &sa, &plain);
		assert_int_equal(info->lft.soft_packet_limit, cases[i].soft);
		assert_int_equal(info->lft.hard_packet_limit, cases[i].hard);
	}
}

/* A policy's mark and interface stand in it, in its name, and in its outbound SAs. */
static void test_scopes(void **state)
{
	static const uint32_t mark[2] = {0x10, 0xff};
	static const uint32_t if_id = 42;
	static const struct message_scope scope = {.mark = {0x10, 0xff}, .if_id = 42};
	static const struct message_terms terms = {.scope = {.mark = {0x10, 0xff}, .if_id = 42}};
	static const uint32_t set = 0x10, set_mask = 0xff;
	struct dataplane_policy told = {.action = POLICY_REQUIRE,
	    .selector = hosts("10.0.0.1", "10.0.0.2"),
	    .mark = {0x10, 0xff},
	    .if_id = 42};
	struct message_policy policy = {
	    .direction = XFRM_POLICY_OUT, .told = &told, .action = POLICY_REQUIRE};
	struct dataplane_sa sa = sa_of(IPSEC_OUT);
	struct message_scope found;
	struct nlmsghdr *message = begin();
	unsigned header = sizeof(struct xfrm_userpolicy_info);

	(void)state;
	message_put_policy(message, &policy);
	check_attribute(message, header, XFRMA_MARK, mark, sizeof(mark));
	check_attribute(message, header, XFRMA_IF_ID, &if_id, sizeof(if_id));
	check_attribute(message, header, XFRMA_OFFLOAD_DEV, NULL, 0);
	found = message_scope_of(message, header);
	assert_memory_equal(&found, &scope, sizeof(scope));

	message = begin();
	message_put_policy_name(message, 9, XFRM_POLICY_OUT, &scope);
	check_attribute(message, sizeof(struct xfrm_userpolicy_id), XFRMA_MARK, mark, sizeof(mark));
	check_attribute(
	    message, sizeof(struct xfrm_userpolicy_id), XFRMA_IF_ID, &if_id, sizeof(if_id));

	header = sizeof(struct xfrm_usersa_info);
	message = begin();
	message_put_sa(message, &sa, &terms);
	check_attribute(message, header, XFRMA_MARK, mark, sizeof(mark));
	check_attribute(message, header, XFRMA_IF_ID, &if_id, sizeof(if_id));
	check_attribute(message, header, XFRMA_SET_MARK, NULL, 0);

	/* The other direction's has none of its own: it gives it to what it brings in. */
	sa.direction = IPSEC_IN;
	message = begin();
	message_put_sa(message, &sa, &terms);
	check_attribute(message, header, XFRMA_MARK, NULL, 0);
	check_attribute(message, header, XFRMA_SET_MARK, &set, sizeof(set));
	check_attribute(message, header, XFRMA_SET_MARK_MASK, &set_mask, sizeof(set_mask));
	check_attribute(message, header, XFRMA_IF_ID, &if_id, sizeof(if_id));

	message = begin();
	message_put_sa_name(message, 0x1000, IPSEC_ESP, &sa.destination, &scope.mark);
	check_attribute(message, sizeof(struct xfrm_usersa_id), XFRMA_MARK, mark, sizeof(mark));

	message = begin();
	message_put_sa(message, &sa, &plain);
	check_attribute(message, header, XFRMA_SET_MARK, NULL, 0);
	check_attribute(message, header, XFRMA_IF_ID, NULL, 0);
}

/* linux/xfrm.h: 1 is IPv6, 2 inbound, 4 all of the packet. Only that kind is told of policies. */
static void test_offload(void **state)
{
	static const struct {
		enum ipsec_direction direction;
		enum offload offload;
		bool ipv6;
		uint8_t flags;
	} cases[] = {{IPSEC_OUT, OFFLOAD_CRYPTO, false, 0}, {IPSEC_IN, OFFLOAD_CRYPTO, false, 2},
	    {IPSEC_OUT, OFFLOAD_PACKET, true, 5}, {IPSEC_IN, OFFLOAD_PACKET, false, 6}};
	struct xfrm_user_offload expected;
	struct dataplane_policy told = {.action = POLICY_REQUIRE,
	    .selector = hosts("10.0.0.1", "10.0.0.2"),
	    .offload = OFFLOAD_PACKET};
	struct message_policy policy = {
	    .direction = XFRM_POLICY_OUT, .told = &told, .action = POLICY_REQUIRE, .device = 7};
	struct nlmsghdr *message;

	(void)state;
	memset(&expected, 0, sizeof(expected));
	expected.ifindex = 7;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct message_terms terms = {.offload = cases[i].offload, .device = 7};
		struct dataplane_sa sa = sa_of(cases[i].direction);

		if (cases[i].ipv6) {
			sa.source = address("fd09::1");
			sa.destination = address("fd09::2");
		}
		message = begin();
		message_put_sa(message, &sa, &terms);
		expected.flags = cases[i].flags;
		check_attribute(message, sizeof(struct xfrm_usersa_info), XFRMA_OFFLOAD_DEV,
		    &expected, sizeof(expected));
	}
	message = begin();
	message_put_policy(message, &policy);
	expected.flags = 4;
	check_attribute(message, sizeof(struct xfrm_userpolicy_info), XFRMA_OFFLOAD_DEV, &expected,
	    sizeof(expected));
}

static void test_what_xfrm_cannot_say(void **state)
{
	struct dataplane_sa sa = sa_of(IPSEC_OUT);
	struct problem problem;

	(void)state;
	assert_int_equal(message_check_sa(&sa, &problem), ERR_OK);
	sa.selector.remote.last = address("192.0.2.9");
	assert_int_equal(message_check_sa(&sa, &problem), ERR_UNSUPPORTED);
	assert_non_null(strstr(problem.text, "192.0.2.2-192.0.2.9"));
}

static void count(void *context, const struct wish *wish)
{
	size_t *counted = context;

	(void)wish;
	(*counted)++;
}

static void test_wishes(void **state)
{
	struct wishes *wishes = wishes_new();
	struct wish wish = {.flow = {.policy_id = 3,
				.local = address("10.0.0.1"),
				.remote = address("10.0.0.2"),
				.protocol = 6},
	    .protocol = IPSEC_ESP,
	    .source = address("10.0.0.1"),
	    .destination = address("10.0.0.2")};
	struct selector selector = hosts("10.0.0.1", "10.0.0.2");
	size_t counted = 0;

	(void)state;
	assert_non_null(wishes);
	wishes_add(wishes, &wish);
	wishes_add(wishes, &wish);
	wishes_take_fulfilled(wishes, 4, &wish.source, &wish.destination, count, &counted);
	assert_int_equal(counted, 0);
	wishes_take_fulfilled(wishes, 3, &wish.source, &wish.destination, count, &counted);
	assert_int_equal(counted, 1);
	wishes_add(wishes, &wish);
	wishes_drop(wishes, 3, IPSEC_ESP, &wish.source, &wish.destination);
	wishes_take_matching(wishes, 3, IPSEC_TRANSPORT, &selector, count, &counted);
	assert_int_equal(counted, 1);
	/* A tunnel's ends are others than its packets'. */
	wish.source = address("192.0.2.1");
	wish.destination = address("192.0.2.2");
	wish.mode = IPSEC_TUNNEL;
	wishes_add(wishes, &wish);
	wishes_take_matching(wishes, 3, IPSEC_TUNNEL, &selector, count, &counted);
	assert_int_equal(counted, 2);
	wishes_add(wishes, &wish);
	wishes_free(wishes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_port_blocks),
	    cmocka_unit_test(test_policy),
	    cmocka_unit_test(test_policy_actions),
	    cmocka_unit_test(test_sa),
	    cmocka_unit_test(test_windows),
	    cmocka_unit_test(test_cipher_and_integrity),
	    cmocka_unit_test(test_esn),
	    cmocka_unit_test(test_packet_limits),
	    cmocka_unit_test(test_scopes),
	    cmocka_unit_test(test_offload),
	    cmocka_unit_test(test_what_xfrm_cannot_say),
	    cmocka_unit_test(test_wishes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
