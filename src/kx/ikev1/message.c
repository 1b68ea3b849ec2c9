/* ISAKMP messages in clear and encrypted: RFC 2408 3, RFC 2409 5.5 and Appendix B. */
#include <string.h>

#include "base/secret.h"
#include "kx/ikev1/ikev1-internal.h"

#define FLAGS_AT 19 /* RFC 2408 3.1 */

void ikev1_message_begin(struct ikev1_message_writer *message, const struct ikev1_cookies *cookies,
    uint8_t exchange, uint32_t message_id)
{
	struct isakmp_header header = {.exchange = exchange, .message_id = message_id};

	memcpy(header.initiator_cookie, cookies->initiator, IKEV1_COOKIE_SIZE);
	memcpy(header.responder_cookie, cookies->responder, IKEV1_COOKIE_SIZE);
	message->out = writer_of(message->octets, sizeof(message->octets));
	message->chain = isakmp_begin(&message->out, &header);
	message->hash_at = 0;
}

void ikev1_message_put_hash(struct ikev1_message_writer *message, const struct ikev1_keys *keys)
{
	isakmp_open(&message->chain, ISAKMP_HASH);
	message->hash_at = writer_reserve(&message->out, prf_length(keys->hash));
	isakmp_close(&message->chain);
}

enum err ikev1_message_end(struct ikev1_message_writer *message, struct bytes *out)
{
	isakmp_end(&message->out);
	*out = writer_bytes(&message->out);
	return writer_ok(&message->out) ? ERR_OK : ERR_TOO_LONG;
}

enum err ikev1_message_hash(struct ikev1_message_writer *message, const struct ikev1_keys *keys,
    uint32_t message_id, struct bytes nonce)
{
	size_t rest_at = message->hash_at + prf_length(keys->hash);

	if (!writer_ok(&message->out))
		return ERR_TOO_LONG;
	return ikev1_hash_message(keys, message_id, nonce,
	    bytes_of(message->octets + rest_at, message->out.len - rest_at),
	    message->octets + message->hash_at);
}

enum err ikev1_message_seal(struct ikev1_message_writer *message, const struct ikev1_keys *keys,
    uint8_t iv[CBC_BLOCK_MAX], struct bytes *out)
{
	size_t block = cbc_block_length(keys->cipher.encryption);
	size_t length = message->out.len - ISAKMP_HEADER_SIZE;
	enum err error;

	writer_zeros(&message->out, (block - length % block) % block);
	writer_patch_u8(&message->out, FLAGS_AT, ISAKMP_FLAG_ENCRYPTION);
	error = ikev1_message_end(message, out);
	if (error != ERR_OK)
		return error;
	return cbc_encrypt(&keys->cipher, iv, message->octets + ISAKMP_HEADER_SIZE,
	    message->out.len - ISAKMP_HEADER_SIZE);
}

enum err ikev1_received_plain(
    struct ikev1_received *received, const struct isakmp_header *header, struct bytes body)
{
	enum err error;

	received->header = *header;
	received->octets = bytes_copy(body);
	if (received->octets.data == NULL)
		return body.len > 0 ? ERR_NO_MEMORY : ERR_INVALID;
	error = isakmp_chain_decode(header->next_payload, received->octets, &received->chain);
	if (error != ERR_OK)
		ikev1_received_clear(received);
	return error;
}

enum err ikev1_received_open(struct ikev1_received *received, const struct isakmp_header *header,
    struct bytes body, const struct ikev1_keys *keys, uint8_t iv[CBC_BLOCK_MAX])
{
	size_t block = cbc_block_length(keys->cipher.encryption);
	uint8_t next_iv[CBC_BLOCK_MAX];
	enum err error;

	if (body.len == 0 || body.len % block != 0)
		return ERR_AUTH;
	received->header = *header;
	received->octets = bytes_copy(body);
	if (received->octets.data == NULL)
		return ERR_NO_MEMORY;
	memcpy(next_iv, iv, sizeof(next_iv));
	error = cbc_decrypt(
	    &keys->cipher, next_iv, (uint8_t *)(uintptr_t)received->octets.data, body.len);
	if (error == ERR_OK &&
	    isakmp_chain_decode(header->next_payload, received->octets, &received->chain) != ERR_OK)
		error = ERR_AUTH;
	if (error == ERR_OK)
		memcpy(iv, next_iv, sizeof(next_iv));
	else
		ikev1_received_clear(received);
	return error;
}

void ikev1_received_clear(struct ikev1_received *received)
{
	if (received->octets.data != NULL)
		secret_wipe((void *)(uintptr_t)received->octets.data, received->octets.len);
	bytes_drop(&received->octets);
	received->chain.count = 0;
}

bool ikev1_received_is_authentic(
    const struct ikev1_received *received, const struct ikev1_keys *keys, struct bytes nonce)
{
	const struct isakmp_payload *first = &received->chain.payloads[0];
	size_t length = prf_length(keys->hash);
	uint8_t expected[CRYPTO_PRF_MAX];
	size_t rest_at;
	size_t rest_end;

	if (received->chain.count < 1 || first->type != ISAKMP_HASH || first->body.len != length)
		return false;
	rest_at = first->whole.len;
	rest_end = received->octets.len - received->chain.trailing.len;
	return ikev1_hash_message(keys, received->header.message_id, nonce,
		   bytes_of(received->octets.data + rest_at, rest_end - rest_at),
		   expected) == ERR_OK &&
	       secret_equal(first->body.data, expected, length);
}

bool ikev1_received_is_lawful(struct ikev1 *ikev1, const struct endpoint *remote,
    const struct ikev1_received *received, unsigned number, enum ikev1_family family)
{
	struct ikev1_message message = {.exchange = received->header.exchange,
	    .number = number,
	    .family = family,
	    .encrypted = (received->header.flags & ISAKMP_FLAG_ENCRYPTION) != 0,
	    .chain = &received->chain};
	struct isakmp_violation violation;

	if (ikev1_grammar_check(&message, &violation) == ERR_OK)
		return true;
	kx_count(ikev1->kx, KX_DATAGRAMS_MALFORMED);
	ikev1_log_stranger(ikev1, remote, "dropped a malformed message", violation.rule);
	return false;
}
