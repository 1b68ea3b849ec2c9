/*
 * Commands that Kerberos does not accept, and the KRB-ERROR for their sender: under the session key
 * when ticket and checksum were good, so that a peer whose clock is wrong can mend it; else as
 * anyone could send it. RFC 4430 3.5, 4.2.3, 6.3 to 6.5.
 */
#include "kx/kink/response.h"
#include "sa/peer.h"

static struct host_datagram command_of(const struct kink_response *response)
{
	return (struct host_datagram){.port = HOST_PORT_KINK,
	    .local = {.address = response->local},
	    .remote = response->remote,
	    .data = response->datagram};
}

static void count(struct kink *kink, enum err code)
{
	switch (code) {
	case ERR_REPLAY:
		kx_count(kink->kx, KX_DATAGRAMS_REPLAYED);
		break;
	case ERR_LIMIT:
	case ERR_NO_MEMORY:
	case ERR_UNAVAILABLE:
		kx_count(kink->kx, KX_DATAGRAMS_SHED);
		break;
	default:
		kx_count(kink->kx, KX_DATAGRAMS_UNAUTHENTIC);
		break;
	}
}

/*
 * A clock that is ahead will be corrected now: what came before under it tells nothing any more
 * about which of two messages is newer. One that is behind may as well be a message of long ago.
 */
static void expect_corrected_clock(struct kink_response *response, int64_t authenticator_us)
{
	struct kx *kx = response->kink->kx;
	const struct host *host = kx_host(kx);
	struct sa_peer *peer = sad_find_peer(kx_sad(kx), &response->key.remote);

	if (peer != NULL && authenticator_us / 1000000 > host->time(host->self))
		peer->newest_authenticator_us = 0;
}

/* A lone KINK_KRB_ERROR (RFC 4430 6.3), to be signed. */
static enum err sign(struct kink_response *response, struct bytes krb_error)
{
	const struct host *host = kx_host(response->kink->kx);
	struct kink_header header = {
	    .type = KINK_REPLY, .doi = IPSEC_DOI, .xid = response->key.xid};
	struct kerberos_request request = {.operation = KERBEROS_PROTECT,
	    .token = kink_token(KINK_STEP_REFUSE, response->handle),
	    .session = response->session,
	    .affinity = kx_affinity(&response->key.remote),
	    .checksum_usage = KINK_USAGE_CHECKSUM};
	uint8_t buffer[1024];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin(&out, &header);

	kink_put(&message, KINK_KRB_ERROR, krb_error);
	kink_close(&message);
	request.head = writer_bytes(&out);
	/* Nobody gets more octets out of us than he put in. */
	if (!writer_ok(&out) || out.len + response->lengths.checksum > response->datagram.len)
		return ERR_TOO_LONG;
	return host->kerberos(host->self, &request);
}

void kink_response_refuse(
    struct kink_response *response, const struct kerberos_completion *completion)
{
	struct kink *kink = response->kink;
	const struct host *host = kx_host(kink->kx);
	struct host_datagram command = command_of(response);

	response->session = completion->session;
	response->lengths = completion->lengths;
	count(kink, completion->problem.code);
	kink_log_stranger(
	    kink, &response->remote, "a command is not accepted", completion->problem.text);
	if (completion->session == KERBEROS_SESSION_NONE) {
		if (!kink_give_tgt_instead(response, completion->tgt) &&
		    completion->reply_error.len > 0)
			kink_send_error(
			    kink, &command, response->key.xid, KINK_OK, completion->reply_error);
	} else if (limit_take(&kink->signed_limit, host->now_ms(host->self))) {
		if (completion->problem.code == ERR_SKEW)
			expect_corrected_clock(response, completion->authenticator_us);
		if (sign(response, completion->reply_error) == ERR_OK)
			return;
	}
	kink_response_end(response);
}

void kink_response_refused(
    struct kink_response *response, const struct kerberos_completion *completion)
{
	if (completion->problem.code != ERR_OK ||
	    kink_send(response->kink, &response->local, &response->remote, completion->message,
		completion->checksum) != ERR_OK)
		kx_count(response->kink->kx, KX_DATAGRAMS_SHED);
	kink_response_end(response);
}
