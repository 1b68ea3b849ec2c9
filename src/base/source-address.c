/* The source address of a datagram: ip(7), RFC 3542 6.2. */
#include "base/source-address.h"

#include <netinet/in.h>
#include <string.h>

#define DISCARD_PORT 9

void source_address_put(struct msghdr *message, const struct address *local)
{
	struct cmsghdr *part = CMSG_FIRSTHDR(message);

	if (local->family == 4) {
		struct in_pktinfo info = {0};

		memcpy(&info.ipi_spec_dst, local->octets, 4);
		part->cmsg_level = IPPROTO_IP;
		part->cmsg_type = IP_PKTINFO;
		part->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(part), &info, sizeof(info));
		message->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = {0};

		memcpy(&info.ipi6_addr, local->octets, 16);
		part->cmsg_level = IPPROTO_IPV6;
		part->cmsg_type = IPV6_PKTINFO;
		part->cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(part), &info, sizeof(info));
		message->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

enum err source_address_ask(int descriptor, const struct address *remote, struct address *local)
{
	/* Without it the socket keeps the address that it has from the time before. */
	static const struct sockaddr disconnected = {.sa_family = AF_UNSPEC};
	struct endpoint endpoint = {.address = *remote, .port = DISCARD_PORT};
	struct sockaddr_storage storage;
	socklen_t len = endpoint_to_sockaddr(&endpoint, &storage);

	if (connect(descriptor, &disconnected, sizeof(disconnected)) != 0 ||
	    connect(descriptor, (const struct sockaddr *)&storage, len) != 0)
		return ERR_NOT_FOUND;
	if (local == NULL)
		return ERR_OK;
	len = sizeof(storage);
	if (getsockname(descriptor, (struct sockaddr *)&storage, &len) != 0 ||
	    endpoint_from_sockaddr((const struct sockaddr *)&storage, &endpoint) != ERR_OK)
		return ERR_NOT_FOUND;
	*local = endpoint.address;
	return ERR_OK;
}
