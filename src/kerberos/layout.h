/* What messages and seeds are put together from; see KERBEROS_PROTECT and KERBEROS_VERIFY. */
#ifndef KERBEROS_LAYOUT_H
#define KERBEROS_LAYOUT_H

#include "kinkd/kerberos.h"

/* Octets of the message, its checksum not counted; ap is empty for PROTECT. */
size_t kerberos_message_length(
    const struct kerberos_request *request, struct bytes ap, size_t sealed_len);
/*
 * Writes the message with sealed_len zeros at *sealed_at, where the ciphertext goes. ERR_INVALID
 * when the request's offsets lie outside of its head.
 */
enum err kerberos_lay_out(const struct kerberos_request *request, struct bytes ap,
    size_t sealed_len, struct writer *message, size_t *sealed_at) MUST_CHECK;
/*
 * VERIFY: writes the seed of a derivation with the octets of plain put in. ERR_NOT_FOUND when there
 * are none, or no room for them.
 */
enum err kerberos_seed(const struct kerberos_request *request, size_t index, struct bytes plain,
    struct writer *out) MUST_CHECK;

#endif
