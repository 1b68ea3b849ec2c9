/* The stand-in's contexts of GSS-API: what is wrapped goes with a MAC by its sender's role. */
#include <string.h>

#include "standin-private.h"

#define WRAP_TAG       0x05
#define WRAP_OVERHEAD  (1 + MAC_SIZE)
#define WRAP_INITIATOR 24 /* key usages, as RFC 4121 2 has them */
#define WRAP_ACCEPTOR  22

/* [APPLICATION 0], as a frame begins (RFC 2743 3.1). */
#define FRAME_TAG 0x60

void standin_gss_frame(struct standin *self, struct kerberos_completion *completion)
{
	size_t len = completion->ap.len + 1;
	struct writer out = writer_of(scratch(self, len), len);

	writer_u8(&out, FRAME_TAG);
	writer_put(&out, completion->ap);
	completion->ap = writer_bytes(&out);
}

struct bytes standin_gss_message(struct bytes token)
{
	return token.len > 1 && token.data[0] == FRAME_TAG ? bytes_of(token.data + 1, token.len - 1)
	                                                   : (struct bytes){0};
}

void standin_gss_accept(struct standin *self, const struct kerberos_request *request,
    struct kerberos_completion *completion)
{
	struct kerberos_request inner = *request;

	inner.ap = standin_gss_message(request->ap);
	standin_accept_ap_req(self, &inner, false, completion);
	completion->reply_error = (struct bytes){0};
	if (completion->problem.code != ERR_OK && completion->session != KERBEROS_SESSION_NONE) {
		sim_standin.release(self, completion->session);
		completion->session = KERBEROS_SESSION_NONE;
	}
	if (completion->session != KERBEROS_SESSION_NONE) {
		self->sessions->complete = true;
		standin_gss_frame(self, completion);
	}
}

void standin_gss_verify(
    struct session *session, bool answers, struct kerberos_completion *completion)
{
	session->complete = answers;
	session->unanswered = !answers;
	if (!answers)
		(void)problem_set(
		    &completion->problem, ERR_AUTH, "the token is not the answer to ours");
}

void standin_gss_wrap(struct standin *self, const struct session *session,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	size_t len = request->plain.len + WRAP_OVERHEAD;
	struct writer out = writer_of(scratch(self, len), len);
	uint8_t code[MAC_SIZE];

	if (!session->complete) {
		(void)problem_set(&completion->problem, ERR_INVALID, "there is no such context");
		return;
	}
	mac(session->key, session->initiator ? WRAP_INITIATOR : WRAP_ACCEPTOR, request->plain, code,
	    sizeof(code));
	writer_u8(&out, WRAP_TAG);
	writer_put(&out, request->plain);
	writer_put(&out, bytes_of(code, sizeof(code)));
	completion->message = writer_bytes(&out);
}

void standin_gss_unwrap(struct standin *self, const struct session *session,
    const struct kerberos_request *request, struct kerberos_completion *completion)
{
	struct bytes sealed = request->sealed;
	size_t len = sealed.len > WRAP_OVERHEAD ? sealed.len - WRAP_OVERHEAD : 0;
	uint8_t code[MAC_SIZE];

	if (session->complete && len > 0) {
		mac(session->key, session->initiator ? WRAP_ACCEPTOR : WRAP_INITIATOR,
		    bytes_of(sealed.data + 1, len), code, sizeof(code));
		if (sealed.data[0] == WRAP_TAG &&
		    memcmp(code, sealed.data + 1 + len, sizeof(code)) == 0) {
			completion->plain =
			    bytes_of(memcpy(scratch(self, len), sealed.data + 1, len), len);
			return;
		}
	}
	(void)problem_set(&completion->problem, ERR_AUTH, "it is not by the context's key");
}
