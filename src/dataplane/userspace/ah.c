/* AH packets: RFC 4302 section 2, padding 3.3.3.2.1, verification 3.4.4. */
#include "dataplane/userspace/ah.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/algorithms.h"
#include "crypto/cipher.h"
#include "dataplane/userspace/ah_cover.h"

#define ICV_MAX     32
/* More of IP header and options than any honest packet has. */
#define COVERED_MAX 1024

struct ah {
	struct cipher *cipher;
	uint8_t icv;
};

enum err ah_new(const struct suite *suite, struct bytes key, bool seal, struct ah **out)
{
	struct ah *ah;
	enum err code;

	*out = NULL;
	if (!suite_is_valid(suite) || suite->protocol != IPSEC_AH)
		return ERR_UNSUPPORTED;
	ah = calloc(1, sizeof(*ah));
	if (ah == NULL)
		return ERR_NO_MEMORY;
	ah->icv = integrity_info(suite->integrity)->icv;
	code = cipher_new(suite, key, seal, &ah->cipher);
	if (code != ERR_OK) {
		free(ah);
		return code;
	}
	*out = ah;
	return ERR_OK;
}

void ah_free(struct ah *ah)
{
	if (ah == NULL)
		return;
	cipher_free(ah->cipher);
	free(ah);
}

static size_t length(size_t icv, size_t unit)
{
	return (AH_FIXED + icv + unit - 1) / unit * unit;
}

size_t ah_length(const struct ah *ah, uint8_t family)
{
	return length(ah->icv, family == 4 ? 4 : 8);
}

size_t ah_length_max(void)
{
	return length(ICV_MAX, 8);
}

/* A router may not choose the identification: the ICV covers it (RFC 4302 3.3.3.1.1.1). */
static void fix_identification(struct parcel *parcel, uint64_t sequence)
{
	struct reader r = reader_of(bytes_of(parcel->octets, parcel->header_len));
	struct writer w = writer_of(parcel->octets, parcel->header_len);

	w.len = parcel->header_len;
	(void)reader_u32(&r);
	/* The kernel would replace a 0. */
	if (parcel->family == 4 && reader_u16(&r) == 0)
		writer_patch_u16(&w, 4, (uint16_t)(sequence % UINT16_MAX + 1));
}

enum err ah_seal(struct ah *ah, uint32_t spi, uint64_t sequence, struct parcel *parcel)
{
	size_t len = ah_length(ah, parcel->family);
	uint8_t next_header = parcel->protocol;
	uint8_t covered[COVERED_MAX];
	uint8_t *header;
	struct writer w;
	enum err code;

	if (parcel->header_len > sizeof(covered) || parcel->fragment)
		return ERR_INVALID;
	header = parcel_insert(parcel, len, IPPROTO_AH);
	w = writer_of(header, len);
	writer_u8(&w, next_header);
	writer_u8(&w, (uint8_t)(len / 4 - 2));
	writer_u16(&w, 0);
	writer_u32(&w, spi);
	writer_u32(&w, (uint32_t)sequence);
	writer_zeros(&w, len - AH_FIXED);
	fix_identification(parcel, sequence);
	parcel_set_length(parcel, parcel->len);
	code = ah_cover(bytes_of(parcel->octets, parcel->header_len), true, covered);
	if (code != ERR_OK)
		return code;
	return cipher_seal(ah->cipher, bytes_of(covered, parcel->header_len), header, header,
	    parcel_payload_length(parcel), header + AH_FIXED);
}

enum err ah_open(struct ah *ah, struct parcel *parcel)
{
	uint8_t *header = parcel_payload(parcel);
	uint8_t icv[ICV_MAX];
	uint8_t covered[COVERED_MAX];
	uint8_t next_header;
	size_t len;
	enum err code;

	if (parcel_payload_length(parcel) < AH_FIXED + (size_t)ah->icv)
		return ERR_TRUNCATED;
	/* RFC 4302 3.4.1: no fragments. */
	if (parcel->header_len > sizeof(covered) || parcel->fragment)
		return ERR_INVALID;
	next_header = header[0];
	len = 4 * ((size_t)header[1] + 2);
	/* Linux pads to 8 octets over IPv4 as well unless it is told not to: taken, never sent. */
	if (len != ah_length(ah, parcel->family) && len != length(ah->icv, 8))
		return ERR_INVALID;
	if (len > parcel_payload_length(parcel))
		return ERR_TRUNCATED;
	code = ah_cover(bytes_of(parcel->octets, parcel->header_len), false, covered);
	if (code != ERR_OK)
		return code;
	memcpy(icv, header + AH_FIXED, ah->icv);
	memset(header + AH_FIXED, 0, ah->icv);
	code = cipher_open(ah->cipher, bytes_of(covered, parcel->header_len), header, header,
	    parcel_payload_length(parcel), icv);
	if (code == ERR_OK)
		parcel_remove(parcel, len, 0, next_header);
	return code;
}
