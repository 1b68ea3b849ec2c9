/* The chain of KINK payloads: what the codecs of the message and of its payloads share. */
#ifndef WIRE_KINK_CHAIN_H
#define WIRE_KINK_CHAIN_H

#include "wire/kink.h"

#define KINK_ALIGNMENT           4
#define KINK_GENERIC_HEADER_SIZE 4

/* Octets from len up to the next boundary: RFC 4430 4.1. */
static inline size_t kink_padding(size_t len)
{
	return (KINK_ALIGNMENT - len % KINK_ALIGNMENT) % KINK_ALIGNMENT;
}

/*
 * Reads the chain that starts with a payload of type first; the reader's input starts at a
 * boundary. Payload lengths do not count padding; behind the last payload it may be missing.
 */
enum err kink_chain_decode(struct reader *r, uint8_t first, struct kink_payloads *out) MUST_CHECK;
/* A payload whose body is written between the two. */
void kink_chain_open(struct kink_writer *message, uint8_t type);
void kink_chain_close(struct kink_writer *message);
/* Patches a two-octet length; the writer fails when it does not fit. */
void kink_set_length(struct writer *out, size_t offset, size_t length);

#endif
