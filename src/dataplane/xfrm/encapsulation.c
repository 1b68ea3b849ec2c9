/* UDP encapsulation: udp(7), RFC 3948. */
#include "dataplane/xfrm/encapsulation.h"

#include <errno.h>
#include <netinet/in.h>
/* After the C library's own, or both define the same. */
#include <linux/xfrm.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/source-address.h"
#include "base/table.h"

struct mapping {
	uint32_t spi;
	struct address local;
	struct endpoint remote;
	UT_hash_handle hh;
};

struct encapsulation {
	int sockets[2];
	pthread_mutex_t lock;
	struct mapping *mappings;
};

/* The socket's datagrams are told apart before any policy sees them: it takes them as they come. */
static bool allow_clear(int fd, bool ipv6)
{
	struct xfrm_userpolicy_info policy;
	int level = ipv6 ? IPPROTO_IPV6 : IPPROTO_IP;
	int name = ipv6 ? IPV6_XFRM_POLICY : IP_XFRM_POLICY;

	memset(&policy, 0, sizeof(policy));
	policy.sel.family = ipv6 ? AF_INET6 : AF_INET;
	policy.action = XFRM_POLICY_ALLOW;
	policy.dir = XFRM_POLICY_IN;
	if (setsockopt(fd, level, name, &policy, sizeof(policy)) != 0)
		return false;
	policy.dir = XFRM_POLICY_OUT;
	return setsockopt(fd, level, name, &policy, sizeof(policy)) == 0;
}

static enum err prepare(int fd, bool ipv6, struct problem *problem)
{
	int type = UDP_ENCAP_ESPINUDP;

	if (setsockopt(fd, IPPROTO_UDP, UDP_ENCAP, &type, sizeof(type)) == 0 &&
	    allow_clear(fd, ipv6))
		return ERR_OK;
	/* Linux knows ESP in UDP over IPv6 from 5.8 on. */
	if (ipv6 && (errno == ENOPROTOOPT || errno == EOPNOTSUPP))
		return ERR_OK;
	return problem_set(problem, ERR_SYSTEM,
	    "the kernel does not take ESP in UDP from the port of IPv%c's sockets: %s",
	    ipv6 ? '6' : '4', strerror(errno));
}

enum err encapsulation_open(
    const int sockets[2], struct encapsulation **out, struct problem *problem)
{
	struct encapsulation *encapsulation = calloc(1, sizeof(*encapsulation));
	enum err code = ERR_OK;

	*out = encapsulation;
	if (encapsulation == NULL)
		return problem_set(problem, ERR_NO_MEMORY, "out of memory for the data plane");
	(void)pthread_mutex_init(&encapsulation->lock, NULL);
	for (int i = 0; i < 2 && code == ERR_OK; i++) {
		encapsulation->sockets[i] = sockets[i];
		if (sockets[i] >= 0)
			code = prepare(sockets[i], i == 1, problem);
	}
	return code;
}

static void erase(struct encapsulation *encapsulation, struct mapping *mapping)
{
	HASH_DEL(encapsulation->mappings, mapping);
	free(mapping);
}

void encapsulation_close(struct encapsulation *encapsulation)
{
	if (encapsulation == NULL)
		return;
	while (encapsulation->mappings != NULL)
		erase(encapsulation, encapsulation->mappings);
	(void)pthread_mutex_destroy(&encapsulation->lock);
	free(encapsulation);
}

void encapsulation_add(struct encapsulation *encapsulation, const struct dataplane_sa *sa)
{
	struct mapping *mapping;

	if (encapsulation == NULL || !sa->encapsulation_keepalive)
		return;
	mapping = calloc(1, sizeof(*mapping));
	if (mapping == NULL)
		return;
	mapping->spi = sa->spi;
	mapping->local = sa->source;
	mapping->remote = (struct endpoint){sa->destination, sa->encapsulation_destination};
	(void)pthread_mutex_lock(&encapsulation->lock);
	HASH_ADD(hh, encapsulation->mappings, spi, sizeof(mapping->spi), mapping);
	if (!table_holds(&mapping->hh))
		free(mapping);
	(void)pthread_mutex_unlock(&encapsulation->lock);
}

static struct mapping *find(const struct encapsulation *encapsulation, uint32_t spi)
{
	struct mapping *mapping;

	HASH_FIND(hh, encapsulation->mappings, &spi, sizeof(spi), mapping);
	return mapping;
}

void encapsulation_remove(struct encapsulation *encapsulation, uint32_t spi)
{
	struct mapping *mapping;

	if (encapsulation == NULL)
		return;
	(void)pthread_mutex_lock(&encapsulation->lock);
	mapping = find(encapsulation, spi);
	if (mapping != NULL)
		erase(encapsulation, mapping);
	(void)pthread_mutex_unlock(&encapsulation->lock);
}

void encapsulation_move(
    struct encapsulation *encapsulation, uint32_t spi, const struct endpoint *remote)
{
	struct mapping *mapping;

	if (encapsulation == NULL)
		return;
	(void)pthread_mutex_lock(&encapsulation->lock);
	mapping = find(encapsulation, spi);
	if (mapping != NULL)
		mapping->remote = *remote;
	(void)pthread_mutex_unlock(&encapsulation->lock);
}

static void send_one(int fd, const struct mapping *mapping)
{
	uint8_t octet = 0xff;
	struct iovec piece = {.iov_base = &octet, .iov_len = 1};
	struct sockaddr_storage storage;
	_Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(sizeof(struct in6_pktinfo))] = {0};
	struct msghdr message = {.msg_name = &storage,
	    .msg_namelen = endpoint_to_sockaddr(&mapping->remote, &storage),
	    .msg_iov = &piece,
	    .msg_iovlen = 1,
	    .msg_control = control,
	    .msg_controllen = sizeof(control)};

	/* From the address that the NAT has seen before. */
	source_address_put(&message, &mapping->local);
	(void)sendmsg(fd, &message, MSG_DONTWAIT);
}

void encapsulation_keep_alive(struct encapsulation *encapsulation)
{
	const struct mapping *mapping;
	const struct mapping *next;

	(void)pthread_mutex_lock(&encapsulation->lock);
	HASH_ITER (hh, encapsulation->mappings, mapping, next) {
		int fd = encapsulation->sockets[mapping->local.family == 6 ? 1 : 0];

		if (fd >= 0)
			send_one(fd, mapping);
	}
	(void)pthread_mutex_unlock(&encapsulation->lock);
}
