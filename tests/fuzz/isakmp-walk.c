/* Decodes each payload of an ISAKMP chain, encodes the result and decodes that again. */
#include "fuzz.h"

#include <string.h>

#include "wire/ikev1.h"
#include "wire/vendor.h"

#define BUFFER_SIZE 65536

/* The body of the one payload that was written; the writer was given an empty buffer. */
static struct bytes written_body(const struct writer *out)
{
	MUST(writer_ok(out) && out->len >= 4);
	return bytes_of(out->data + 4, out->len - 4);
}

static void walk_attributes(struct bytes octets)
{
	struct ipsec_attributes attributes, again;
	uint8_t buffer[128];
	struct writer out = writer_of(buffer, sizeof(buffer));

	if (ipsec_attributes_decode(octets, &attributes) != ERR_OK)
		return;
	ipsec_attributes_put(&out, &attributes);
	MUST(writer_ok(&out));
	MUST(ipsec_attributes_decode(writer_bytes(&out), &again) == ERR_OK);
	MUST(again.unsupported == 0);
	attributes.unsupported = 0;
	MUST(again.life_seconds == attributes.life_seconds);
	MUST(again.life_kilobytes == attributes.life_kilobytes);
	MUST(again.group == attributes.group);
	MUST(again.encapsulation == attributes.encapsulation);
	MUST(again.authentication == attributes.authentication);
	MUST(again.key_length == attributes.key_length);
	MUST(again.key_rounds == attributes.key_rounds);
}

static void walk_phase_1_attributes(struct bytes octets)
{
	static uint8_t first[BUFFER_SIZE], second[BUFFER_SIZE];
	struct writer out = writer_of(first, sizeof(first));
	struct writer out_again = writer_of(second, sizeof(second));
	struct ikev1_attributes attributes, again;

	if (ikev1_attributes_decode(octets, &attributes) != ERR_OK)
		return;
	ikev1_attributes_put(&out, &attributes);
	MUST(writer_ok(&out));
	MUST(ikev1_attributes_decode(writer_bytes(&out), &again) == ERR_OK);
	MUST(again.unsupported == 0);
	ikev1_attributes_put(&out_again, &again);
	MUST(bytes_equal(writer_bytes(&out), writer_bytes(&out_again)));
}

static void encode_sa(const struct isakmp_sa *sa, struct writer *out)
{
	struct isakmp_writer chain = isakmp_writer_at(out, ISAKMP_UNANNOUNCED);
	struct isakmp_sa_writer w = isakmp_sa_begin(&chain, sa->doi, sa->situation);

	for (size_t p = 0; p < sa->proposal_count; p++) {
		const struct isakmp_proposal *proposal = &sa->proposals[p];

		isakmp_sa_proposal(&w, proposal->number, proposal->protocol, proposal->spi);
		for (size_t t = 0; t < proposal->transform_count; t++) {
			const struct isakmp_transform *transform = &proposal->transforms[t];

			isakmp_sa_transform(&w, transform->number, transform->id);
			writer_put(out, transform->attributes);
		}
	}
	isakmp_sa_end(&w);
}

static void walk_sa(struct bytes body)
{
	static uint8_t first[BUFFER_SIZE], second[BUFFER_SIZE];
	struct writer out = writer_of(first, sizeof(first));
	struct writer out_again = writer_of(second, sizeof(second));
	struct isakmp_sa sa, again;
	uint32_t spi;

	if (isakmp_sa_decode(body, &sa) != ERR_OK)
		return;
	for (size_t p = 0; p < sa.proposal_count; p++)
		(void)!isakmp_spi_decode(sa.proposals[p].spi, &spi);
	for (size_t t = 0; t < sa.transform_count; t++) {
		walk_attributes(sa.transforms[t].attributes);
		walk_phase_1_attributes(sa.transforms[t].attributes);
	}
	encode_sa(&sa, &out);
	MUST(isakmp_sa_decode(written_body(&out), &again) == ERR_OK);
	encode_sa(&again, &out_again);
	MUST(bytes_equal(writer_bytes(&out), writer_bytes(&out_again)));
}

static void walk_id(struct bytes body)
{
	uint8_t buffer[64];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct isakmp_id id, id_again;
	struct address_range range, again;

	if (isakmp_id_decode(body, &id) != ERR_OK || isakmp_id_range(&id, &range) != ERR_OK)
		return;
	isakmp_put_id_range(&chain, &range, id.protocol, id.port);
	MUST(isakmp_id_decode(written_body(&out), &id_again) == ERR_OK);
	MUST(isakmp_id_range(&id_again, &again) == ERR_OK);
	MUST(range_equal(&range, &again));
	MUST(id.protocol == id_again.protocol && id.port == id_again.port);
}

static void walk_notification(struct bytes body)
{
	static uint8_t buffer[BUFFER_SIZE];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct isakmp_notification notification;

	if (isakmp_notification_decode(body, &notification) != ERR_OK)
		return;
	if (notification.type == NOTIFY_RESPONDER_LIFETIME)
		walk_attributes(notification.data);
	isakmp_put_notification(&chain, &notification);
	MUST(bytes_equal(written_body(&out), body));
}

static void walk_delete(struct bytes body)
{
	static uint8_t buffer[BUFFER_SIZE];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct isakmp_delete delete;

	if (isakmp_delete_decode(body, &delete) != ERR_OK)
		return;
	for (size_t i = 0; i < delete.spi_count; i++)
		MUST(isakmp_delete_spi(&delete, i).len == delete.spi_size);
	isakmp_put_delete(&chain, &delete);
	MUST(bytes_equal(written_body(&out), body));
}

static void walk_certificate(uint8_t type, struct bytes body)
{
	static uint8_t buffer[BUFFER_SIZE];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct isakmp_certificate certificate;

	if (isakmp_certificate_decode(body, &certificate) != ERR_OK)
		return;
	isakmp_put_certificate(&chain, type, &certificate);
	MUST(bytes_equal(written_body(&out), body));
}

static void walk_fragment(struct bytes body)
{
	static uint8_t buffer[BUFFER_SIZE];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct ikev1_fragment fragment, again;

	if (ikev1_fragment_decode(body, &fragment) != ERR_OK)
		return;
	ikev1_put_fragment(&chain, &fragment);
	MUST(ikev1_fragment_decode(written_body(&out), &again) == ERR_OK);
	MUST(again.id == fragment.id && again.number == fragment.number);
	MUST(again.last == fragment.last && bytes_equal(again.data, fragment.data));
}

static void walk_gss_token(struct bytes body)
{
	static uint8_t buffer[BUFFER_SIZE];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_writer_at(&out, ISAKMP_UNANNOUNCED);
	struct ikev1_gss_token token;

	if (ikev1_gss_token_decode(body, &token) != ERR_OK)
		return;
	ikev1_put_gss_token(&chain, &token);
	MUST(bytes_equal(written_body(&out), body));
}

static void walk_vendor_id(struct bytes body)
{
	enum vendor_id id = vendor_id_of(body);

	MUST(id < VENDOR_ID_COUNT);
	MUST(id == VENDOR_UNKNOWN || vendor_id_of(vendor_id_octets(id)) == id);
}

void isakmp_walk(const struct isakmp_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		const struct isakmp_payload *payload = &chain->payloads[i];

		MUST(payload->whole.len == payload->body.len + 4);
		switch (payload->type) {
		case ISAKMP_SA:
			walk_sa(payload->body);
			break;
		case ISAKMP_ID:
			walk_id(payload->body);
			break;
		case ISAKMP_CERT:
		case ISAKMP_CERTREQ:
			walk_certificate(payload->type, payload->body);
			break;
		case ISAKMP_NOTIFICATION:
			walk_notification(payload->body);
			break;
		case ISAKMP_DELETE:
			walk_delete(payload->body);
			break;
		case ISAKMP_VENDOR_ID:
			walk_vendor_id(payload->body);
			break;
		case ISAKMP_GSS:
			walk_gss_token(payload->body);
			break;
		case ISAKMP_FRAGMENT:
			walk_fragment(payload->body);
			break;
		default:
			break;
		}
	}
}
