/*
 * What a set of credentials is read from: our key and certificates, trust, and whether any of the
 * files have changed. Header of this room alone: it shows OpenSSL's types.
 */
#ifndef CRYPTO_CREDENTIALS_FILES_H
#define CRYPTO_CREDENTIALS_FILES_H

#include "crypto/credentials.h"
#include "crypto/trust.h"

struct credentials_material {
	EVP_PKEY *key; /* NULL: none */
	enum credentials_scheme scheme;
	STACK_OF(X509) * chain; /* ours first; no self-signed one behind it */
	struct trust *trust;
};

/* Fills *out; on failure there is nothing to free. */
enum err credentials_material_read(const struct credentials_settings *settings,
    struct credentials_material *out, struct problem *problem) MUST_CHECK;
/* As credentials_check(). */
void credentials_material_check(const struct credentials_settings *settings,
    const struct credentials_material *material, int64_t now, credentials_report report,
    void *context);
void credentials_material_clear(struct credentials_material *material);
/* A number that changes when one of the files or directories does. */
uint64_t credentials_fingerprint(const struct credentials_settings *settings);

#endif
