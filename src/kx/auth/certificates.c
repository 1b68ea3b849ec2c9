/* Certificates in messages, and questions about them. */
#include "kx/auth/certificates.h"

#include <stdlib.h>
#include <string.h>

enum err auth_items_keep(struct auth_items *items, const struct bytes *octets, size_t count)
{
	auth_items_free(items);
	if (count > sizeof(items->items) / sizeof(items->items[0]))
		return ERR_LIMIT;
	for (size_t i = 0; i < count; i++) {
		uint8_t *copy = malloc(octets[i].len > 0 ? octets[i].len : 1);

		if (copy == NULL) {
			auth_items_free(items);
			return ERR_NO_MEMORY;
		}
		if (octets[i].len > 0)
			memcpy(copy, octets[i].data, octets[i].len);
		items->items[items->count++] = bytes_of(copy, octets[i].len);
	}
	return ERR_OK;
}

void auth_items_free(struct auth_items *items)
{
	for (size_t i = 0; i < items->count; i++)
		bytes_drop(&items->items[i]);
	items->count = 0;
}

void auth_put_certificates(
    struct isakmp_writer *chain, uint8_t type, const struct auth_items *items)
{
	for (size_t i = 0; i < items->count; i++)
		isakmp_put_certificate(chain, type,
		    &(struct isakmp_certificate){
			.encoding = CERTIFICATE_X509_SIGNATURE, .data = items->items[i]});
}

/* The next payload of that type whose encoding is known here; NULL at the end. */
static const struct isakmp_payload *next_x509(const struct isakmp_chain *chain, uint8_t type,
    const struct isakmp_payload *after, struct isakmp_certificate *out)
{
	const struct isakmp_payload *payload = isakmp_chain_find(chain, type, after);

	while (payload != NULL && (isakmp_certificate_decode(payload->body, out) != ERR_OK ||
				      out->encoding != CERTIFICATE_X509_SIGNATURE))
		payload = isakmp_chain_find(chain, type, payload);
	return payload;
}

bool auth_wants_certificates(const struct isakmp_chain *chain)
{
	struct isakmp_certificate request;

	return next_x509(chain, ISAKMP_CERTREQ, NULL, &request) != NULL;
}

void auth_add_certificates(const struct isakmp_chain *chain, struct credentials_request *request)
{
	const struct isakmp_payload *payload = NULL;
	struct isakmp_certificate certificate;

	while (request->certificate_count < CREDENTIALS_CERTIFICATES_MAX &&
	       (payload = next_x509(chain, ISAKMP_CERT, payload, &certificate)) != NULL)
		request->certificates[request->certificate_count++] = certificate.data;
}

enum auth_result auth_ask_credentials(
    struct auth *auth, struct credentials_request *request, struct problem *problem)
{
	const struct host *host = auth->in->host;
	enum err error;

	request->token = auth->in->token;
	request->set = auth->in->peer->name;
	request->now = host->time(host->self);
	error = host->credentials(host->self, request);
	if (error == ERR_OK)
		return AUTH_PENDING;
	return auth_result_of(problem_set(problem, error,
	    "work with keys and certificates cannot be begun: %s", err_text(error)));
}
