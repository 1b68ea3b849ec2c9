/* What each command asks for, and the answers to DELETE and STATUS: RFC 4430 3.3 to 3.5, 5.5, 6. */
#include <stdio.h>
#include <stdlib.h>

#include "crypto/algorithms.h"
#include "kx/kink/response.h"

#define ANSWER_ROOM 256 /* what stands around the SPIs in the answer to a DELETE */

static struct bytes error_plain(enum kink_error error)
{
	uint8_t buffer[32];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);

	kink_put_error(&message, error);
	return bytes_copy(writer_bytes(&out));
}

void kink_response_error(struct kink_response *response, enum kink_error error)
{
	kink_response_answer(response, error_plain(error));
}

void kink_response_notify(
    struct kink_response *response, enum notify_type type, uint32_t spi, struct bytes data)
{
	uint8_t buffer[128];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin_plain(&out);
	struct isakmp_writer chain = kink_isakmp_begin(&message);

	quick_put_notification(&chain, type, IPSEC_ESP, spi, data);
	kink_isakmp_end(&message);
	kink_response_answer(response, bytes_copy(writer_bytes(&out)));
}

/* What a DELETE command comes to. */
struct deletion {
	struct kink_response *response;
	struct isakmp_writer *answer;
	size_t found;
	uint32_t unknown; /* an SPI that nobody has; 0: none */
	enum ipsec_protocol unknown_protocol;
};

/* Drops the pair that has this SPI; returns our SPI of the same protocol, 0 when there is none. */
static uint32_t delete_one(struct deletion *deletion, enum ipsec_protocol protocol, uint32_t spi)
{
	struct kink_response *response = deletion->response;
	struct sad *sad = kx_sad(response->kink->kx);
	struct sa_pair *pair = sad_by_spi_out(sad, &response->key.remote, protocol, spi);
	uint32_t ours = 0;

	if (pair == NULL || pair->state == SA_LARVAL) {
		/* The peer gave up before we were done; so do we. */
		if (pair != NULL)
			kink_withdraw(response->kink, pair);
		kink_remember_withdrawn(response, spi);
		deletion->unknown = spi;
		deletion->unknown_protocol = protocol;
		return 0;
	}
	for (size_t i = 0; i < pair->part_count; i++) {
		if (pair->parts[i].suite.protocol == protocol)
			ours = pair->parts[i].spi_in;
	}
	deletion->found++;
	sad_retire(sad, pair);
	return ours;
}

/* SPIs that are answered in one payload. */
#define DELETES_MAX 64

/* Drops the pairs that a Delete payload names and answers with ours. */
static void delete_named(
    struct deletion *deletion, enum ipsec_protocol protocol, const struct isakmp_delete *request)
{
	uint32_t ours[DELETES_MAX];
	size_t count = 0;

	for (size_t i = 0; i < request->spi_count; i++) {
		uint32_t spi;

		if (quick_spi_decode(protocol, isakmp_delete_spi(request, i), &spi) == ERR_OK) {
			ours[count] = delete_one(deletion, protocol, spi);
			count += ours[count] != 0;
		}
		if (count == DELETES_MAX || (i + 1 == request->spi_count && count > 0)) {
			quick_put_delete(deletion->answer, protocol, ours, count);
			count = 0;
		}
	}
}

/* Whether a payload is a Delete payload of ours to understand, and of which protocol. */
static enum err read_delete(const struct isakmp_payload *payload, struct isakmp_delete *request,
    enum ipsec_protocol *protocol)
{
	enum err error = isakmp_delete_decode(payload->body, request);

	return error == ERR_OK ? quick_protocol_decode(request->protocol, protocol) : error;
}

/* Whether all of a KINK_ISAKMP can be understood. */
static bool is_readable(const struct isakmp_chain *chain)
{
	const struct isakmp_payload *payload = NULL;
	struct isakmp_delete request;
	enum ipsec_protocol protocol;
	bool good = true;

	while (good && (payload = isakmp_chain_find(chain, ISAKMP_DELETE, payload)) != NULL)
		good = read_delete(payload, &request, &protocol) == ERR_OK;
	return good;
}

/* Does what a KINK_ISAKMP asks for, and answers with another. */
static void delete_chain(
    struct kink_response *response, const struct isakmp_chain *chain, struct kink_writer *answer)
{
	struct isakmp_writer payloads = kink_isakmp_begin(answer);
	struct deletion deletion = {.response = response, .answer = &payloads};
	const struct isakmp_payload *payload = NULL;
	struct isakmp_delete request;
	enum ipsec_protocol protocol;
	struct bytes none = {0};

	while ((payload = isakmp_chain_find(chain, ISAKMP_DELETE, payload)) != NULL) {
		if (read_delete(payload, &request, &protocol) == ERR_OK)
			delete_named(&deletion, protocol, &request);
	}
	if (deletion.found == 0 || deletion.unknown != 0)
		quick_put_notification(&payloads, NOTIFY_INVALID_SPI,
		    deletion.unknown != 0 ? deletion.unknown_protocol : IPSEC_ESP, deletion.unknown,
		    none);
	kink_isakmp_end(answer);
}

/* The peer names its inbound SAs; we answer with ours and drop both (RFC 4430 3.3). */
static void respond_delete(struct kink_response *response, const struct kink_message *message,
    const struct kink_payloads *inner)
{
	/* Nothing in the answer is longer than what it answers, but for the frames. */
	size_t count = kink_count_isakmp(message, inner);
	size_t capacity =
	    response->command_plain.len + response->datagram.len + count * ANSWER_ROOM;
	uint8_t *buffer = malloc(capacity);
	struct writer out = writer_of(buffer, capacity);
	struct isakmp_chain chain;
	struct kink_writer answer;
	struct bytes none = {0};
	bool good = buffer != NULL;

	/* All of it is looked at before anything is done. */
	for (size_t i = 0; good && i < count; i++)
		good = kink_get_isakmp(message, inner, i, &chain) == ERR_OK && is_readable(&chain);
	if (!good) {
		free(buffer);
		kink_response_notify(response, NOTIFY_PAYLOAD_MALFORMED, 0, none);
		return;
	}
	answer = kink_begin_plain(&out);
	for (size_t i = 0; i < count; i++) {
		if (kink_get_isakmp(message, inner, i, &chain) == ERR_OK)
			delete_chain(response, &chain, &answer);
	}
	if (writer_ok(&out))
		kink_response_answer(response, bytes_copy(writer_bytes(&out)));
	else
		kink_response_end(response);
	free(buffer);
}

void kink_respond(struct kink_response *response, const struct kink_message *message,
    const struct kink_payloads *inner)
{
	switch (response->type) {
	case KINK_CREATE:
		kink_respond_create(response, message, inner);
		break;
	case KINK_DELETE:
		respond_delete(response, message, inner);
		break;
	case KINK_STATUS:
		/* The AP-REP and our epoch in it are the whole answer (RFC 4430 3.4, 3.7). */
		kink_response_answer(response, (struct bytes){0});
		break;
	default:
		kink_response_end(response);
		break;
	}
}
