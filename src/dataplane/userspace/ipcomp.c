/* IPComp: header RFC 3173 section 3, non-expansion policy 2.2, DEFLATE as in RFC 2394. */
#include "dataplane/userspace/ipcomp.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#define PACKET_MAX   65535
/* Raw DEFLATE, without zlib's header and check (RFC 2394 section 2). */
#define WINDOW_BITS  (-15)
#define MEMORY_LEVEL 8
/* Shorter ones are not worth the attempt (RFC 3173 2.2). */
#define COMPRESS_MIN 90

struct ipcomp {
	z_stream deflate;
	z_stream inflate;
	uint8_t scratch[PACKET_MAX];
};

struct ipcomp *ipcomp_new(void)
{
	struct ipcomp *ipcomp = calloc(1, sizeof(*ipcomp));

	if (ipcomp == NULL)
		return NULL;
	if (deflateInit2(&ipcomp->deflate, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS,
		MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK ||
	    inflateInit2(&ipcomp->inflate, WINDOW_BITS) != Z_OK) {
		ipcomp_free(ipcomp);
		return NULL;
	}
	return ipcomp;
}

void ipcomp_free(struct ipcomp *ipcomp)
{
	if (ipcomp == NULL)
		return;
	(void)deflateEnd(&ipcomp->deflate);
	(void)inflateEnd(&ipcomp->inflate);
	free(ipcomp);
}

void ipcomp_compress(struct ipcomp *ipcomp, uint16_t cpi, struct parcel *parcel)
{
	z_stream *z = &ipcomp->deflate;
	size_t len = parcel_payload_length(parcel);
	uint8_t *payload = parcel_payload(parcel);
	uint8_t next_header = parcel->protocol;
	struct writer w = writer_of(payload, len);

	if (len < COMPRESS_MIN || parcel->fragment || deflateReset(z) != Z_OK)
		return;
	z->next_in = payload;
	z->avail_in = (uInt)len;
	z->next_out = ipcomp->scratch;
	z->avail_out = (uInt)(len - IPCOMP_HEADER - 1);
	if (deflate(z, Z_FINISH) != Z_STREAM_END)
		return;
	writer_u8(&w, next_header);
	writer_u8(&w, 0);
	writer_u16(&w, cpi);
	writer_put(&w, bytes_of(ipcomp->scratch, (size_t)(z->next_out - ipcomp->scratch)));
	parcel->octets[parcel->next_header_at] = parcel->protocol = IPPROTO_COMP;
	parcel_set_length(parcel, parcel->header_len + w.len);
}

enum err ipcomp_expand(struct ipcomp *ipcomp, struct parcel *parcel)
{
	z_stream *z = &ipcomp->inflate;
	size_t len = parcel_payload_length(parcel);
	uint8_t *payload = parcel_payload(parcel);
	size_t most = (parcel->room < PACKET_MAX ? parcel->room : PACKET_MAX) - parcel->header_len;
	size_t expanded;
	int result;

	if (len <= IPCOMP_HEADER)
		return ERR_TRUNCATED;
	if (parcel->fragment || inflateReset(z) != Z_OK)
		return ERR_INVALID;
	z->next_in = payload + IPCOMP_HEADER;
	z->avail_in = (uInt)(len - IPCOMP_HEADER);
	z->next_out = ipcomp->scratch;
	z->avail_out = (uInt)most;
	result = inflate(z, Z_FINISH);
	if (result != Z_STREAM_END)
		return z->avail_out == 0 ? ERR_LIMIT : ERR_INVALID;
	expanded = (size_t)(z->next_out - ipcomp->scratch);
	parcel->octets[parcel->next_header_at] = parcel->protocol = payload[0];
	memcpy(payload, ipcomp->scratch, expanded);
	parcel_set_length(parcel, parcel->header_len + expanded);
	return ERR_OK;
}
