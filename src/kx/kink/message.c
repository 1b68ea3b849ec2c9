/* Building, protecting and sending KINK messages: RFC 4430 4, 6. */
#include <stdio.h>
#include <stdlib.h>

#include "kx/kink/kink-internal.h"

uint64_t kink_token(enum kink_step step, uint64_t handle)
{
	return KX_TOKEN_METHOD(EXCHANGE_KINK) | (uint64_t)step << SLOTS_HANDLE_BITS | handle;
}

enum err kink_prepare(struct kink *kink, const struct address *remote, const char *principal,
    const struct kink_header *header, struct bytes ap, struct bytes plain, size_t sealed_len,
    struct writer *buffer, struct kerberos_request *request)
{
	struct kink_ap ours = {.epoch = kx_epoch(kink->kx, remote, principal), .ap = ap};
	struct kink_writer message = kink_begin(buffer, header);

	kink_put_ap(&message, header->type == KINK_REPLY ? KINK_AP_REP : KINK_AP_REQ, &ours);
	if (plain.len > 0)
		kink_close_sealed(&message, sealed_len);
	else
		kink_close(&message);
	request->encryption_usage = KINK_USAGE_ENCRYPTION;
	request->checksum_usage = KINK_USAGE_CHECKSUM;
	request->head = writer_bytes(buffer);
	request->plain = plain;
	if (ap.len == 0) {
		request->ap_offset = KINK_AP_OFFSET;
		request->length_offset = KINK_LENGTH_OFFSET;
		request->ap_length_offset = KINK_AP_LENGTH_OFFSET;
		request->sealed_length_offset = plain.len > 0 ? KINK_SEALED_LENGTH_OFFSET : 0;
	}
	return writer_ok(buffer) ? ERR_OK : ERR_TOO_LONG;
}

uint64_t kink_memory_ms(const struct kink *kink)
{
	/* From the fastest clock that is accepted to the slowest. */
	return 2000ULL * kx_policy(kink->kx)->realm.clock_skew;
}

uint64_t kink_next_interval(const struct kink *kink, uint64_t interval)
{
	uint64_t limit = kx_policy(kink->kx)->daemon.retransmit_limit;

	return 2 * interval < limit ? 2 * interval : limit;
}

uint64_t kink_cycle_ms(const struct kink *kink)
{
	const struct policy_daemon *daemon = &kx_policy(kink->kx)->daemon;
	uint64_t interval = daemon->retransmit_first;
	uint64_t cycle = 0;

	for (uint32_t i = 0; i < daemon->retransmit_tries; i++) {
		cycle += interval;
		interval = kink_next_interval(kink, interval);
	}
	return cycle;
}

static void send_octets(struct kink *kink, const struct address *local,
    const struct endpoint *remote, struct bytes octets)
{
	const struct host *host = kx_host(kink->kx);
	struct host_datagram datagram = {.port = HOST_PORT_KINK,
	    .local = {.address = *local, .port = kx_policy(kink->kx)->daemon.kink_port},
	    .remote = *remote,
	    .data = octets};

	host->send(host->self, &datagram);
}

enum err kink_send(struct kink *kink, const struct address *local, const struct endpoint *remote,
    struct bytes message, struct bytes checksum)
{
	size_t capacity = message.len + checksum.len;
	uint8_t *buffer = malloc(capacity > 0 ? capacity : 1);
	struct writer out = writer_of(buffer, capacity);
	bool complete;

	if (buffer == NULL)
		return ERR_NO_MEMORY;
	writer_put(&out, message);
	kink_finish(&out, checksum);
	complete = writer_ok(&out);
	if (complete)
		send_octets(kink, local, remote, writer_bytes(&out));
	free(buffer);
	return complete ? ERR_OK : ERR_TOO_LONG;
}

void kink_send_error(struct kink *kink, const struct host_datagram *command, uint32_t xid,
    enum kink_error error, struct bytes krb_error)
{
	const struct host *host = kx_host(kink->kx);
	struct kink_header header = {.type = KINK_REPLY, .doi = IPSEC_DOI, .xid = xid};
	uint8_t buffer[1024];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin(&out, &header);

	if (krb_error.len > 0)
		kink_put(&message, KINK_KRB_ERROR, krb_error);
	else
		kink_put_error(&message, error);
	kink_close(&message);
	/* Nobody gets more octets out of us than he put in. */
	if (!writer_ok(&out) || out.len > command->data.len ||
	    !limit_take(&kink->error_limit, host->now_ms(host->self)))
		return;
	send_octets(kink, &command->local.address, &command->remote, writer_bytes(&out));
}

size_t kink_count_isakmp(const struct kink_message *message, const struct kink_payloads *inner)
{
	return kink_count(&message->outer, KINK_ISAKMP) +
	       (inner != NULL ? kink_count(inner, KINK_ISAKMP) : 0);
}

static const struct kink_payload *find_isakmp(const struct kink_payloads *payloads, size_t *index)
{
	for (size_t i = 0; payloads != NULL && i < payloads->count; i++) {
		if (payloads->payloads[i].type == KINK_ISAKMP && (*index)-- == 0)
			return &payloads->payloads[i];
	}
	return NULL;
}

enum err kink_get_isakmp(const struct kink_message *message, const struct kink_payloads *inner,
    size_t index, struct isakmp_chain *out)
{
	const struct kink_payload *payload = find_isakmp(&message->outer, &index);
	enum kink_error error;

	if (payload == NULL)
		payload = find_isakmp(inner, &index);
	return payload != NULL ? kink_isakmp_decode(payload->body, out, &error) : ERR_NOT_FOUND;
}

void kink_log_stranger(
    struct kink *kink, const struct endpoint *remote, const char *what, const char *why)
{
	const struct host *host = kx_host(kink->kx);
	char text[ENDPOINT_TEXT_SIZE];

	if (limit_take(&kink->log_limit, host->now_ms(host->self)))
		log_event(host->log, LOG_LEVEL_WARNING, LOG_AREA_KINK,
		    LOG_FIELDS({"remote", endpoint_format(remote, text)}), "%s: %s", what, why);
}

/* Whether somebody here makes something of it, or says so. */
static bool is_known(uint16_t type, bool is_reply)
{
	return type == NOTIFY_KINKD_NAT_TRAVERSAL || (is_reply && type <= NOTIFY_ERROR_LAST);
}

void kink_log_notifications(struct kink *kink, const struct endpoint *remote,
    const struct kink_message *message, const struct kink_payloads *inner)
{
	const struct isakmp_payload *payload;
	struct isakmp_notification notification;
	struct isakmp_chain chain;
	char number[32];

	for (size_t i = 0; kink_get_isakmp(message, inner, i, &chain) == ERR_OK; i++) {
		payload = NULL;
		while (
		    (payload = isakmp_chain_find(&chain, ISAKMP_NOTIFICATION, payload)) != NULL) {
			if (isakmp_notification_decode(payload->body, &notification) != ERR_OK ||
			    is_known(notification.type, message->header.type == KINK_REPLY))
				continue;
			(void)snprintf(number, sizeof(number), "type %u", notification.type);
			kink_log_stranger(kink, remote, "a notification is ignored", number);
		}
	}
}
