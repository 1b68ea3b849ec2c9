/*
 * Attributes of phase 1 (RFC 2409 Appendix A), the text of NAT-D (RFC 3947 3.2), fragments and
 * GSS-API tokens.
 */
#include "wire/ikev1.h"

#include <stddef.h>
#include <string.h>

#include "wire/isakmp-attributes.h"

#define FRAGMENT_LAST 0x01
#define GSS_TOKEN_TAG 0x60 /* RFC 2743 3.1 */

#define BASIC(type, member)                                                                        \
	{                                                                                          \
		type, false, offsetof(struct ikev1_attributes, member)                             \
	}
#define OCTETS(type, member)                                                                       \
	{                                                                                          \
		type, true, offsetof(struct ikev1_attributes, member)                              \
	}

static const struct attribute_class classes[] = {
    BASIC(IKEV1_ENCRYPTION_ALGORITHM, encryption),
    BASIC(IKEV1_KEY_LENGTH, key_length),
    BASIC(IKEV1_HASH_ALGORITHM, hash),
    BASIC(IKEV1_PRF, prf),
    BASIC(IKEV1_AUTHENTICATION_METHOD, method),
    BASIC(IKEV1_GROUP_DESCRIPTION, group),
    BASIC(IKEV1_GROUP_TYPE, group_type),
    BASIC(IKEV1_FIELD_SIZE, field_size),
    OCTETS(IKEV1_GROUP_PRIME, group_prime),
    OCTETS(IKEV1_GROUP_GENERATOR_ONE, group_generator_one),
    OCTETS(IKEV1_GROUP_GENERATOR_TWO, group_generator_two),
    OCTETS(IKEV1_GROUP_CURVE_A, group_curve_a),
    OCTETS(IKEV1_GROUP_CURVE_B, group_curve_b),
    OCTETS(IKEV1_GROUP_ORDER, group_order),
    OCTETS(IKEV1_GSS_IDENTITY_NAME, gss_identity),
};

static const struct attribute_layout layout = {
    .classes = classes,
    .count = sizeof(classes) / sizeof(classes[0]),
    .life_type = IKEV1_LIFE_TYPE,
    .life_duration = IKEV1_LIFE_DURATION,
    .seconds = offsetof(struct ikev1_attributes, life_seconds),
    .kilobytes = offsetof(struct ikev1_attributes, life_kilobytes),
    .unsupported = offsetof(struct ikev1_attributes, unsupported),
};

enum err ikev1_attributes_decode(struct bytes attributes, struct ikev1_attributes *out)
{
	memset(out, 0, sizeof(*out));
	return attributes_decode(&layout, attributes, out);
}

void ikev1_attributes_put(struct writer *out, const struct ikev1_attributes *attributes)
{
	attributes_put(&layout, out, attributes);
}

void ikev1_put_nat_d_text(struct writer *out, const uint8_t initiator_cookie[8],
    const uint8_t responder_cookie[8], const struct address *address, uint16_t port)
{
	writer_put(out, bytes_of(initiator_cookie, 8));
	writer_put(out, bytes_of(responder_cookie, 8));
	writer_put(out, bytes_of(address->octets, address_size(address)));
	writer_u16(out, port);
}

enum err ikev1_fragment_decode(struct bytes body, struct ikev1_fragment *out)
{
	struct reader r = reader_of(body);

	out->id = reader_u16(&r);
	out->number = reader_u8(&r);
	out->last = (reader_u8(&r) & FRAGMENT_LAST) != 0;
	out->data = reader_rest(&r);
	if (!reader_ok(&r))
		return ERR_TRUNCATED;
	return out->number == 0 || out->data.len == 0 ? ERR_INVALID : ERR_OK;
}

void ikev1_put_fragment(struct isakmp_writer *chain, const struct ikev1_fragment *fragment)
{
	isakmp_open(chain, ISAKMP_FRAGMENT);
	writer_u16(chain->out, fragment->id);
	writer_u8(chain->out, fragment->number);
	writer_u8(chain->out, fragment->last ? FRAGMENT_LAST : 0);
	writer_put(chain->out, fragment->data);
	isakmp_close(chain);
}

enum err ikev1_gss_token_decode(struct bytes body, struct ikev1_gss_token *out)
{
	struct reader r = reader_of(body);

	*out = (struct ikev1_gss_token){.bare = body.len > 0 && body.data[0] == GSS_TOKEN_TAG};
	if (!out->bare)
		out->encoding = reader_u8(&r);
	out->token = reader_rest(&r);
	return out->token.len == 0 ? ERR_TRUNCATED : ERR_OK;
}

void ikev1_put_gss_token(struct isakmp_writer *chain, const struct ikev1_gss_token *token)
{
	isakmp_open(chain, ISAKMP_GSS);
	if (!token->bare)
		writer_u8(chain->out, token->encoding);
	writer_put(chain->out, token->token);
	isakmp_close(chain);
}
