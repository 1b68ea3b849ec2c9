/* SAs in XFRM's form: RFC 4301 4.4.2's data as struct xfrm_usersa_info and its attributes. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/secret.h"
#include "crypto/algorithms.h"
#include "dataplane/sa_rules.h"
#include "dataplane/xfrm/message.h"

/* The kernel's limits on anti-replay windows: without and with a bitmap of its own. */
#define WINDOW_PLAIN_MAX  32
#define WINDOW_BITMAP_MAX 4096

/* The kernel's names. An AEAD's key is followed by its salt, as in KEYMAT. */
static const char *const ciphers[ENCRYPTION_COUNT] = {
    [ENCRYPTION_NULL] = "ecb(cipher_null)",
    [ENCRYPTION_AES_CBC] = "cbc(aes)",
    [ENCRYPTION_AES_GCM_16] = "rfc4106(gcm(aes))",
    [ENCRYPTION_CHACHA20_POLY1305] = "rfc7539esp(chacha20,poly1305)",
};
static const char *const digests[INTEGRITY_COUNT] = {
    [INTEGRITY_NONE] = "digest_null",
    [INTEGRITY_HMAC_SHA1_96] = "hmac(sha1)",
    [INTEGRITY_HMAC_SHA2_256_128] = "hmac(sha256)",
    [INTEGRITY_HMAC_SHA2_384_192] = "hmac(sha384)",
    [INTEGRITY_HMAC_SHA2_512_256] = "hmac(sha512)",
};

/* Each of the kernel's kinds of algorithm: name, sizes in bits, then the key. */
union algorithm {
	struct xfrm_algo plain;
	struct xfrm_algo_auth auth;
	struct xfrm_algo_aead aead;
	uint8_t octets[sizeof(struct xfrm_algo_aead) + SA_KEY_MAX];
};

static void put_aead(struct nlmsghdr *message, const struct dataplane_sa *sa)
{
	union algorithm algorithm = {0};
	struct xfrm_algo_aead *aead = &algorithm.aead;

	(void)snprintf(aead->alg_name, sizeof(aead->alg_name), "%s", ciphers[sa->suite.encryption]);
	aead->alg_key_len = 8U * sa->key_len;
	aead->alg_icv_len = 8U * encryption_info(sa->suite.encryption)->icv;
	memcpy(algorithm.octets + sizeof(*aead), sa->key, sa->key_len);
	mnl_attr_put(message, XFRMA_ALG_AEAD, sizeof(*aead) + sa->key_len, &algorithm);
	secret_wipe(&algorithm, sizeof(algorithm));
}

static void put_plain(struct nlmsghdr *message, uint16_t attribute, const char *name,
    const uint8_t *key, size_t key_len)
{
	union algorithm algorithm = {0};

	(void)snprintf(algorithm.plain.alg_name, sizeof(algorithm.plain.alg_name), "%s", name);
	algorithm.plain.alg_key_len = 8U * (unsigned)key_len;
	memcpy(algorithm.octets + sizeof(algorithm.plain), key, key_len);
	mnl_attr_put(message, attribute, sizeof(algorithm.plain) + key_len, &algorithm);
	secret_wipe(&algorithm, sizeof(algorithm));
}

static void put_integrity(
    struct nlmsghdr *message, enum integrity integrity, const uint8_t *key, size_t key_len)
{
	union algorithm algorithm = {0};
	struct xfrm_algo_auth *auth = &algorithm.auth;

	(void)snprintf(auth->alg_name, sizeof(auth->alg_name), "%s", digests[integrity]);
	auth->alg_key_len = 8U * (unsigned)key_len;
	auth->alg_trunc_len = 8U * integrity_info(integrity)->icv;
	memcpy(algorithm.octets + sizeof(*auth), key, key_len);
	mnl_attr_put(message, XFRMA_ALG_AUTH_TRUNC, sizeof(*auth) + key_len, &algorithm);
	secret_wipe(&algorithm, sizeof(algorithm));
}

static void put_algorithms(struct nlmsghdr *message, const struct dataplane_sa *sa)
{
	const struct suite *suite = &sa->suite;
	size_t integrity_key = integrity_info(suite->integrity)->key;
	size_t cipher_key = sa->key_len - integrity_key;

	switch (suite->protocol) {
	case IPSEC_IPCOMP:
		put_plain(message, XFRMA_ALG_COMP, "deflate", sa->key, 0);
		return;
	case IPSEC_AH:
		put_integrity(message, suite->integrity, sa->key, sa->key_len);
		return;
	case IPSEC_ESP:
		break;
	}
	if (encryption_info(suite->encryption)->aead) {
		put_aead(message, sa);
		return;
	}
	put_plain(message, XFRMA_ALG_CRYPT, ciphers[suite->encryption], sa->key, cipher_key);
	put_integrity(message, suite->integrity, sa->key + cipher_key, integrity_key);
}

enum err message_check_sa(const struct dataplane_sa *sa, struct problem *problem)
{
	struct message_selector selector;
	char local[RANGE_TEXT_SIZE];
	char remote[RANGE_TEXT_SIZE];

	if (!message_selector_of(&sa->selector, &selector))
		return problem_set(problem, ERR_UNSUPPORTED,
		    "SA %08x: the kernel's SAs know prefixes only, not %s to %s; name such in the "
		    "policies, or use the userspace data plane",
		    sa->spi, range_format(&sa->selector.local, local),
		    range_format(&sa->selector.remote, remote));
	return ERR_OK;
}

static uint64_t limit(uint64_t told)
{
	return told != 0 ? told : XFRM_INF;
}

static uint64_t lesser(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void set_limits(struct xfrm_lifetime_cfg *limits, const struct dataplane_sa *sa)
{
	limits->soft_byte_limit = limit(sa->soft_bytes);
	limits->hard_byte_limit = limit(sa->hard_bytes);
	limits->soft_packet_limit = limit(sa->soft_packets);
	limits->hard_packet_limit = limit(sa->hard_packets);
	limits->hard_add_expires_seconds = sa->hard_seconds;
	if (sa->direction == IPSEC_IN || sa->suite.esn || sa->suite.protocol == IPSEC_IPCOMP)
		return;
	/* Of sequence numbers that run out the kernel says nothing: it drops what would follow. */
	limits->soft_packet_limit = lesser(limits->soft_packet_limit, SEQUENCE_SOFT);
	limits->hard_packet_limit = lesser(limits->hard_packet_limit, SEQUENCE_HARD);
}

static void fill_name(struct xfrm_usersa_info *info, const struct dataplane_sa *sa)
{
	info->id.daddr = message_address(&sa->destination);
	info->id.spi = htonl(sa->spi);
	info->id.proto = (uint8_t)sa->suite.protocol;
	info->saddr = message_address(&sa->source);
	info->family = message_family(sa->destination.family);
	info->reqid = message_reqid(sa->policy_id, sa->direction);
	info->mode = sa->mode == IPSEC_TUNNEL ? XFRM_MODE_TUNNEL : XFRM_MODE_TRANSPORT;
}

/*
 * A window beyond what fits into the SA itself is a bitmap of its own (XFRMA_REPLAY_ESN_VAL), where
 * extended sequence numbers are as well. With those the kernel wants one of outbound SAs, too.
 */
static void put_window(
    struct nlmsghdr *message, struct xfrm_usersa_info *info, const struct dataplane_sa *sa)
{
	uint32_t window =
	    sa->replay_window < WINDOW_BITMAP_MAX ? sa->replay_window : WINDOW_BITMAP_MAX;
	struct xfrm_replay_state_esn replay = {
	    .bmp_len = (window + 31) / 32, .replay_window = window};
	union {
		struct xfrm_replay_state_esn state;
		uint8_t octets[sizeof(struct xfrm_replay_state_esn) + WINDOW_BITMAP_MAX / 8];
	} value;

	if (sa->suite.protocol == IPSEC_IPCOMP)
		return;
	if (sa->suite.esn) {
		info->flags |= XFRM_STATE_ESN;
		if (window == 0)
			replay.bmp_len = replay.replay_window = 1;
	} else if (window <= WINDOW_PLAIN_MAX) {
		info->replay_window = (uint8_t)window;
		return;
	}
	memset(&value, 0, sizeof(value));
	memcpy(&value, &replay, sizeof(replay));
	mnl_attr_put(message, XFRMA_REPLAY_ESN_VAL,
	    sizeof(replay) + replay.bmp_len * sizeof(replay.bmp[0]), &value);
}

static void put_encapsulation(struct nlmsghdr *message, const struct dataplane_sa *sa)
{
	struct xfrm_encap_tmpl encapsulation = {.encap_type = 2 /* UDP_ENCAP_ESPINUDP, udp(7) */,
	    .encap_sport = htons(sa->encapsulation_source),
	    .encap_dport = htons(sa->encapsulation_destination)};

	if (sa->encapsulation_source == 0)
		return;
	mnl_attr_put(message, XFRMA_ENCAP, sizeof(encapsulation), &encapsulation);
	/* A NAT's new mapping is told of once a second, not for each packet. */
	if (sa->direction == IPSEC_IN)
		mnl_attr_put_u32(message, XFRMA_MTIMER_THRESH, 1);
}

/*
 * Packets find an outbound SA by their mark. An inbound one is found by its SPI alone, and marks
 * what comes out of it, so that this meets its policy.
 */
static void put_terms(
    struct nlmsghdr *message, const struct dataplane_sa *sa, const struct message_terms *terms)
{
	const struct packet_mark *mark = &terms->scope.mark;
	bool in = sa->direction == IPSEC_IN;
	struct xfrm_user_offload offload;

	memset(&offload, 0, sizeof(offload));
	offload.ifindex = (int)terms->device;
	offload.flags = (uint8_t)((in ? XFRM_OFFLOAD_INBOUND : 0) |
				  (sa->destination.family == 6 ? XFRM_OFFLOAD_IPV6 : 0) |
				  (terms->offload == OFFLOAD_PACKET ? XFRM_OFFLOAD_PACKET : 0));
	if (!in)
		message_put_mark(message, mark);
	if (in && mark->mask != 0) {
		mnl_attr_put_u32(message, XFRMA_SET_MARK, mark->value);
		mnl_attr_put_u32(message, XFRMA_SET_MARK_MASK, mark->mask);
	}
	if (terms->scope.if_id != 0)
		mnl_attr_put_u32(message, XFRMA_IF_ID, terms->scope.if_id);
	if (terms->device != 0 && sa->suite.protocol == IPSEC_ESP)
		mnl_attr_put(message, XFRMA_OFFLOAD_DEV, sizeof(offload), &offload);
}

void message_put_sa(
    struct nlmsghdr *message, const struct dataplane_sa *sa, const struct message_terms *terms)
{
	struct xfrm_usersa_info *info =
	    mnl_nlmsg_put_extra_header(message, sizeof(struct xfrm_usersa_info));
	struct message_selector selector;

	fill_name(info, sa);
	set_limits(&info->lft, sa);
	/* What is around a tunnel may be of the other family, of which XFRM wants no selector. */
	if (message_selector_of(&sa->selector, &selector) &&
	    (sa->mode == IPSEC_TUNNEL || selector.remote.address.family == sa->destination.family))
		info->sel = message_selector(
		    &selector, sa->direction == IPSEC_OUT ? XFRM_POLICY_OUT : XFRM_POLICY_IN);
	/* RFC 4302 3.3.3.2.1 pads AH to 4 octets over IPv4; Linux must be told. */
	if (sa->suite.protocol == IPSEC_AH && sa->destination.family == 4)
		info->flags |= XFRM_STATE_ALIGN4;
	put_algorithms(message, sa);
	put_window(message, info, sa);
	put_encapsulation(message, sa);
	put_terms(message, sa, terms);
}

void message_put_sa_name(struct nlmsghdr *message, uint32_t spi, enum ipsec_protocol protocol,
    const struct address *destination, const struct packet_mark *mark)
{
	struct xfrm_usersa_id *id =
	    mnl_nlmsg_put_extra_header(message, sizeof(struct xfrm_usersa_id));

	id->daddr = message_address(destination);
	id->spi = htonl(spi);
	id->family = message_family(destination->family);
	id->proto = (uint8_t)protocol;
	message_put_mark(message, mark);
}

void message_put_spi_wish(struct nlmsghdr *message, const struct dataplane_sa *sa,
    const struct message_scope *scope, uint32_t first, uint32_t last)
{
	struct xfrm_userspi_info *wish =
	    mnl_nlmsg_put_extra_header(message, sizeof(struct xfrm_userspi_info));

	fill_name(&wish->info, sa);
	wish->info.id.spi = 0;
	wish->min = first;
	wish->max = last;
	message_put_scope(message, scope);
}
