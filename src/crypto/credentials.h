/*
 * A set of credentials and the work of its seam (kinkd/credentials.h): our key with its
 * certificates, whom to trust, what is revoked. A set is used by one thread at a time.
 */
#ifndef CRYPTO_CREDENTIALS_H
#define CRYPTO_CREDENTIALS_H

#include "kinkd/credentials.h"

struct credentials;

/* Files as the peer's entry names them: PEM, those without a private key DER as well. */
struct credentials_settings {
	const char *certificate;        /* ours first, then those towards the root; NULL: none */
	const char *private_key;        /* NULL: it is in that file as well */
	const char *const *authorities; /* files and directories of trust anchors */
	size_t authority_count;
	const char *const *crls; /* files and directories */
	size_t crl_count;
	enum credentials_crl_policy crl_policy;
	const char *peer_certificates; /* file or directory; NULL: none */
};

/*
 * What the settings point to must live as long as the set. The text of a problem names the file and
 * says what is wrong with it: unreadable, a key that others may read, one that does not belong to
 * the certificate, ...
 */
enum err credentials_load(const struct credentials_settings *settings, struct credentials **out,
    struct problem *problem) MUST_CHECK;
/*
 * What is wrong although the set could be loaded; the text names the file, or the setting ca.
 * ERR_EXPIRED: a certificate is not valid at this time, POSIX time; ERR_INVALID: ours are in no
 * order that leads anywhere; ERR_NOT_FOUND: maybe one between ours and the authority is missing.
 */
typedef void (*credentials_report)(void *context, const struct problem *problem);
void credentials_check(
    const struct credentials *credentials, int64_t now, credentials_report report, void *context);
void credentials_free(struct credentials *credentials);
/* What the first certificate's key is good for; CREDENTIALS_NO_SCHEME when it cannot be read. */
enum credentials_scheme credentials_scheme_of(const char *certificate);

/*
 * What a completion points to, to be wiped. The octets of certificates are copies: what they are of
 * may be replaced when a file changes.
 */
struct credentials_values {
	char subject[320];
	uint8_t octets[16384];
	size_t used;
};

/*
 * Files are looked at again, some seconds after the last time, and read anew when they have
 * changed; while they cannot be read the set stays as it was. credentials is NULL when there is no
 * such set.
 */
void credentials_run(struct credentials *credentials, const struct credentials_request *request,
    struct credentials_values *values, struct credentials_completion *completion);

#endif
