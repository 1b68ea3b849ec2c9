/*
 * ESP's own format (RFC 4303 section 2) for one SA: header, IV, padding, trailer, ICV. Packets are
 * sealed and opened in place; the IP header around them is the caller's.
 */
#ifndef DATAPLANE_USERSPACE_ESP_H
#define DATAPLANE_USERSPACE_ESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/error.h"
#include "kinkd/ipsec.h"

#define ESP_HEADER 8 /* SPI and sequence number */

struct esp;

/* key is KEYMAT as in struct dataplane_sa. For one direction; one thread at a time. */
enum err esp_new(
    const struct suite *suite, struct bytes key, bool seal, struct esp **out) MUST_CHECK;
void esp_free(struct esp *esp);

/* Octets before the payload: header and IV. */
size_t esp_before(const struct esp *esp);
/* Octets after a payload of that length: padding, trailer and ICV. */
size_t esp_after(const struct esp *esp, size_t payload);
/* The longest payload whose ESP packet has no more than size octets; 0 when none has. */
size_t esp_payload_max(const struct esp *esp, size_t size);
/* The most that ESP adds to a packet in transport mode, of all suites. */
size_t esp_overhead_max(void);

/*
 * packet points to where the SPI goes; the payload stands at packet + esp_before(), with
 * esp_after() octets of room behind it.
 */
enum err esp_seal(struct esp *esp, uint32_t spi, uint64_t sequence, uint8_t next_header,
    uint8_t *packet, size_t payload) MUST_CHECK;

struct esp_opened {
	uint8_t *payload; /* inside the packet opened */
	size_t len;
	uint8_t next_header;
};

/* ERR_AUTH for a wrong ICV; ERR_INVALID or ERR_TRUNCATED for a wrong shape. */
enum err esp_open(struct esp *esp, uint64_t sequence, uint8_t *packet, size_t len,
    struct esp_opened *out) MUST_CHECK;

#endif
