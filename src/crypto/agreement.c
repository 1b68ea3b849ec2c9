/* One step of a key agreement: RFC 2409 5.5's g^xy. */
#include "crypto/agreement.h"

static enum err give_public(
    const struct dh *dh, size_t len, struct agreement_values *values, struct bytes *out)
{
	*out = bytes_of(values->public_value, len);
	return dh_public(dh, values->public_value);
}

static enum err give_private(
    const struct dh *dh, struct agreement_values *values, struct bytes *out)
{
	size_t len;
	enum err error = dh_private(dh, values->private_value, &len);

	*out = bytes_of(values->private_value, len);
	return error;
}

static enum err give_secret(const struct dh *dh, const struct agreement_request *request,
    struct agreement_values *values, struct bytes *out)
{
	*out = bytes_of(values->secret, dh_secret_length(request->group));
	return dh_derive(dh, request->peer_value, values->secret);
}

void agreement_run(const struct agreement_request *request, struct agreement_values *values,
    struct agreement_completion *completion)
{
	struct agreement_completion done = {.token = request->token};
	size_t len = dh_public_length(request->group);
	struct dh *dh = NULL;
	enum err error =
	    request->operation == AGREEMENT_FINISH
		? dh_from_pair(request->group, request->private_value, request->public_value, &dh)
		: dh_new(request->group, &dh);

	if (error == ERR_OK && request->operation == AGREEMENT_BEGIN)
		error = give_private(dh, values, &done.private_value);
	if (error == ERR_OK && request->operation != AGREEMENT_FINISH)
		error = give_public(dh, len, values, &done.public_value);
	if (error == ERR_OK && request->operation != AGREEMENT_BEGIN)
		error = give_secret(dh, request, values, &done.secret);
	dh_free(dh);
	if (error != ERR_OK)
		done = (struct agreement_completion){.token = request->token, .error = error};
	*completion = done;
}
