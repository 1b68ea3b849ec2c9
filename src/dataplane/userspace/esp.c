/* ESP packets: RFC 4303 section 2, padding 2.4, IVs of RFC 4106 3.1, RFC 7634 2 and RFC 3602 3. */
#include "dataplane/userspace/esp.h"

#include <stdlib.h>

#include "crypto/algorithms.h"
#include "crypto/cipher.h"
#include "crypto/random.h"

#define TRAILER   2 /* pad length and next header */
#define ALIGNMENT 4 /* of the whole, whatever the cipher */
#define IV_MAX    16

struct esp {
	struct cipher *cipher;
	uint8_t iv;
	uint8_t block;
	uint8_t icv;
	bool counter_iv; /* a counter will do, else the IV must be unpredictable */
};

static size_t max_size(size_t a, size_t b)
{
	return a > b ? a : b;
}

enum err esp_new(const struct suite *suite, struct bytes key, bool seal, struct esp **out)
{
	const struct encryption_info *encryption = encryption_info(suite->encryption);
	struct esp *esp;
	enum err code;

	*out = NULL;
	if (!suite_is_valid(suite) || suite->protocol != IPSEC_ESP)
		return ERR_UNSUPPORTED;
	esp = calloc(1, sizeof(*esp));
	if (esp == NULL)
		return ERR_NO_MEMORY;
	code = cipher_new(suite, key, seal, &esp->cipher);
	if (code != ERR_OK) {
		free(esp);
		return code;
	}
	esp->iv = encryption->iv;
	esp->block = (uint8_t)max_size(encryption->block, ALIGNMENT);
	esp->icv = encryption->aead ? encryption->icv : integrity_info(suite->integrity)->icv;
	esp->counter_iv = encryption->aead;
	*out = esp;
	return ERR_OK;
}

void esp_free(struct esp *esp)
{
	if (esp == NULL)
		return;
	cipher_free(esp->cipher);
	free(esp);
}

size_t esp_before(const struct esp *esp)
{
	return ESP_HEADER + (size_t)esp->iv;
}

static size_t padding(const struct esp *esp, size_t payload)
{
	return (esp->block - (payload + TRAILER) % esp->block) % esp->block;
}

size_t esp_after(const struct esp *esp, size_t payload)
{
	return padding(esp, payload) + TRAILER + esp->icv;
}

size_t esp_payload_max(const struct esp *esp, size_t size)
{
	size_t fixed = esp_before(esp) + esp->icv;

	if (size < fixed + esp->block)
		return 0;
	return (size - fixed) / esp->block * esp->block - TRAILER;
}

size_t esp_overhead_max(void)
{
	size_t iv = 0;
	size_t block = ALIGNMENT;
	size_t icv = 0;

	for (int i = 0; i < ENCRYPTION_COUNT; i++) {
		const struct encryption_info *info = encryption_info((enum encryption)i);

		iv = max_size(iv, info->iv);
		block = max_size(block, info->block);
		icv = max_size(icv, info->icv);
	}
	for (int i = 0; i < INTEGRITY_COUNT; i++)
		icv = max_size(icv, integrity_info((enum integrity)i)->icv);
	return ESP_HEADER + iv + block - 1 + TRAILER + icv;
}

static void fill_iv(const struct esp *esp, uint64_t sequence, uint8_t *iv)
{
	struct writer w = writer_of(iv, esp->iv);

	if (esp->counter_iv)
		writer_u64(&w, sequence);
	else if (esp->iv > 0)
		random_octets(iv, esp->iv);
}

enum err esp_seal(struct esp *esp, uint32_t spi, uint64_t sequence, uint8_t next_header,
    uint8_t *packet, size_t payload)
{
	size_t pad = padding(esp, payload);
	size_t sealed = payload + pad + TRAILER;
	uint8_t *iv = packet + ESP_HEADER;
	uint8_t *data = iv + esp->iv;
	struct writer header = writer_of(packet, ESP_HEADER);
	struct writer trailer = writer_of(data + payload, pad + TRAILER);

	fill_iv(esp, sequence, iv);
	writer_u32(&header, spi);
	writer_u32(&header, (uint32_t)sequence);
	for (size_t i = 1; i <= pad; i++)
		writer_u8(&trailer, (uint8_t)i);
	writer_u8(&trailer, (uint8_t)pad);
	writer_u8(&trailer, next_header);
	return cipher_seal(
	    esp->cipher, bytes_of(packet, ESP_HEADER), iv, data, sealed, data + sealed);
}

enum err esp_open(
    struct esp *esp, uint64_t sequence, uint8_t *packet, size_t len, struct esp_opened *out)
{
	size_t before = esp_before(esp);
	uint8_t *data = packet + before;
	size_t sealed;
	size_t pad;
	enum err code;

	(void)sequence; /* an extended sequence number would be authenticated with its high half */
	if (len < before + esp->icv + TRAILER)
		return ERR_TRUNCATED;
	sealed = len - before - esp->icv;
	if (sealed % esp->block != 0)
		return ERR_INVALID;
	code = cipher_open(esp->cipher, bytes_of(packet, ESP_HEADER), packet + ESP_HEADER, data,
	    sealed, data + sealed);
	if (code != ERR_OK)
		return code;
	pad = data[sealed - TRAILER];
	if (pad + TRAILER > sealed)
		return ERR_INVALID;
	*out = (struct esp_opened){
	    .payload = data, .len = sealed - TRAILER - pad, .next_header = data[sealed - 1]};
	/* Our own padding counts up from 1; a receiver should check it (RFC 4303 2.4). */
	for (size_t i = 0; i < pad; i++) {
		if (data[out->len + i] != i + 1)
			return ERR_INVALID;
	}
	return ERR_OK;
}
