/* SRV records of a realm: RFC 1035 4.1 (messages), RFC 2782 (SRV). */
#include "daemon/srv.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <resolv.h>
#include <stdio.h>

#define HEADER_REST 8 /* after identifier and flags: four counts */
#define SRV_NUMBERS 6 /* priority, weight, port */
#define ANSWER_MAX  4096

static bool skip_name(struct reader *r)
{
	int len = dn_skipname(r->data + r->pos, r->data + r->len);

	if (len < 0)
		reader_fail(r);
	else
		(void)reader_take(r, (size_t)len);
	return reader_ok(r);
}

/* The data of one SRV record; names in it may point to anywhere in the answer. */
static void read_srv(struct bytes answer, struct bytes data, srv_found found, void *context)
{
	struct reader r = reader_of(data);
	char host[NS_MAXDNAME];
	char text[NS_MAXDNAME + 8];
	uint16_t port;

	(void)reader_u32(&r);
	port = reader_u16(&r);
	if (!reader_ok(&r) || dn_expand(answer.data, answer.data + answer.len,
				  data.data + SRV_NUMBERS, host, sizeof(host)) <= 0)
		return;
	/* A lone dot says that there is no such service. */
	if (port == 0 || host[0] == '\0' || (host[0] == '.' && host[1] == '\0'))
		return;
	(void)snprintf(text, sizeof(text), "%s:%u", host, port);
	found(context, text);
}

enum err srv_read(struct bytes answer, srv_found found, void *context)
{
	struct reader r = reader_of(answer);
	unsigned questions;
	unsigned answers;

	(void)reader_u32(&r);
	questions = reader_u16(&r);
	answers = reader_u16(&r);
	(void)reader_take(&r, HEADER_REST - 4);
	for (unsigned i = 0; i < questions && skip_name(&r); i++)
		(void)reader_u32(&r);
	for (unsigned i = 0; i < answers && skip_name(&r); i++) {
		uint16_t type = reader_u16(&r);
		struct bytes data;

		(void)reader_u16(&r); /* class */
		(void)reader_u32(&r); /* time to live */
		data = reader_take(&r, reader_u16(&r));
		if (reader_ok(&r) && type == ns_t_srv)
			read_srv(answer, data, found, context);
	}
	return reader_ok(&r) ? ERR_OK : ERR_INVALID;
}

void srv_look_up(const char *realm, srv_found found, void *context)
{
	static const char *const services[] = {"_kerberos._udp", "_kerberos._tcp", "_kpasswd._udp"};
	struct __res_state resolver = {0};

	if (res_ninit(&resolver) != 0)
		return;
	/* The daemon waits for this at its start. */
	resolver.retrans = 2;
	resolver.retry = 1;
	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++) {
		char name[NS_MAXDNAME];
		uint8_t answer[ANSWER_MAX];
		int len;

		(void)snprintf(name, sizeof(name), "%s.%s", services[i], realm);
		len = res_nquery(&resolver, name, ns_c_in, ns_t_srv, answer, sizeof(answer));
		if (len <= 0)
			continue;
		/* What is malformed tells of no KDC. */
		if (srv_read(bytes_of(answer, (size_t)len), found, context) != ERR_OK)
			continue;
	}
	res_nclose(&resolver);
}
