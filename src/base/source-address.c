/* The source address of a datagram: ip(7), RFC 3542 6.2. */
#include "base/source-address.h"

#include <netinet/in.h>
#include <string.h>

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
