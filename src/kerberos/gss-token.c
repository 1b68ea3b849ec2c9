/* Tokens of GSS-API's Kerberos mechanism, written and read. */
#include "kerberos/gss-token.h"

#include "kerberos/private.h"

#define TAG_TOKEN     0x60 /* [APPLICATION 0] */
#define TAG_OID       0x06
#define WRAP_TOKEN_ID 0x0504
#define WRAP_FILLER   0xff

/* 1.2.840.113554.1.2.2 */
static const uint8_t mechanism[] = {0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02};

void gss_put_token(struct writer *out, enum gss_token_id id, struct bytes message)
{
	size_t len = 2 + sizeof(mechanism) + 2 + message.len;

	writer_u8(out, TAG_TOKEN);
	if (len < 0x80) {
		writer_u8(out, (uint8_t)len);
	} else if (len < 0x100) {
		writer_u8(out, 0x81);
		writer_u8(out, (uint8_t)len);
	} else {
		writer_u8(out, 0x82);
		writer_u16(out, (uint16_t)len);
	}
	writer_u8(out, TAG_OID);
	writer_u8(out, sizeof(mechanism));
	writer_put(out, bytes_of(mechanism, sizeof(mechanism)));
	writer_u16(out, (uint16_t)id);
	writer_put(out, message);
	if (len > UINT16_MAX)
		out->failed = true;
}

enum err gss_take_token(struct bytes token, uint16_t *id, struct bytes *message)
{
	struct reader outer = reader_of(token);
	struct reader inner = kerberos_der_element(&outer, TAG_TOKEN);
	struct reader oid = kerberos_der_element(&inner, TAG_OID);

	if (!bytes_equal(reader_rest(&oid), bytes_of(mechanism, sizeof(mechanism))))
		return ERR_INVALID;
	*id = reader_u16(&inner);
	*message = reader_rest(&inner);
	return reader_ok(&inner) && reader_ok(&outer) && reader_left(&outer) == 0 &&
	               message->len > 0
	           ? ERR_OK
	           : ERR_INVALID;
}

void gss_put_wrap(struct writer *out, const struct gss_wrap *wrap)
{
	writer_u16(out, WRAP_TOKEN_ID);
	writer_u8(out, wrap->flags);
	writer_u8(out, WRAP_FILLER);
	writer_u16(out, wrap->extra);
	writer_u16(out, wrap->rotation);
	writer_u64(out, wrap->sequence);
}

enum err gss_take_wrap(struct reader *from, struct gss_wrap *wrap)
{
	uint16_t id = reader_u16(from);
	uint8_t filler;

	wrap->flags = reader_u8(from);
	filler = reader_u8(from);
	wrap->extra = reader_u16(from);
	wrap->rotation = reader_u16(from);
	wrap->sequence = reader_u64(from);
	return reader_ok(from) && id == WRAP_TOKEN_ID && filler == WRAP_FILLER ? ERR_OK
	                                                                       : ERR_INVALID;
}
