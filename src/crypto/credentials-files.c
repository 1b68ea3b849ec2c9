/* Our key and its certificates from their files, and watching all files of a set. */
#include "crypto/credentials-files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/signature.h"

/* Daemons have nobody to ask: an encrypted key is refused. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	bool *asked = context;

	(void)buffer, (void)size, (void)writing;
	*asked = true;
	return -1;
}

/* Whoever reads the key can be us. Its group may, as with Debian's ssl-cert. */
static enum err check_private(const char *path, FILE *file, struct problem *problem)
{
	struct stat status;

	if (fstat(fileno(file), &status) == 0 && (status.st_mode & (S_IRWXO | S_IWGRP)) == 0)
		return ERR_OK;
	return problem_set(problem, ERR_DENIED,
	    "%s holds a private key and must not be open to others: chmod 600 it, or 640", path);
}

static enum err read_key(const char *path, EVP_PKEY **out, struct problem *problem)
{
	FILE *file = fopen(path, "re");
	bool asked = false;
	enum err error;

	if (file == NULL)
		return problem_set(problem, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM,
		    "%s cannot be opened: %s", path, strerror(errno));
	error = check_private(path, file, problem);
	if (error == ERR_OK) {
		*out = PEM_read_PrivateKey(file, NULL, no_passphrase, &asked);
		if (*out == NULL && asked)
			error = problem_set(problem, ERR_UNSUPPORTED,
			    "the private key in %s is encrypted; kinkd cannot ask for its "
			    "passphrase",
			    path);
		else if (*out == NULL)
			error = problem_set(
			    problem, ERR_INVALID, "%s has no private key in PEM form", path);
	}
	(void)fclose(file);
	ERR_clear_error();
	return error;
}

/* The root is known to who trusts it, and left out. */
static void drop_roots(STACK_OF(X509) * chain)
{
	for (int i = sk_X509_num(chain) - 1; i > 0; i--) {
		X509 *certificate = sk_X509_value(chain, i);

		if (X509_NAME_cmp(X509_get_subject_name(certificate),
			X509_get_issuer_name(certificate)) == 0) {
			X509_free(certificate);
			(void)sk_X509_delete(chain, i);
		}
	}
}

static enum err read_own(const struct credentials_settings *settings,
    struct credentials_material *out, struct problem *problem)
{
	const char *key =
	    settings->private_key != NULL ? settings->private_key : settings->certificate;
	enum err error;

	if (settings->certificate == NULL)
		return ERR_OK;
	error = certificate_read(settings->certificate, out->chain, problem);
	if (error == ERR_OK && sk_X509_num(out->chain) == 0)
		error = problem_set(problem, ERR_INVALID, "%s must be a file: our certificate",
		    settings->certificate);
	if (error == ERR_OK)
		error = read_key(key, &out->key, problem);
	if (error != ERR_OK)
		return error;
	if (X509_check_private_key(sk_X509_value(out->chain, 0), out->key) != 1) {
		ERR_clear_error();
		return problem_set(problem, ERR_INVALID,
		    "the private key in %s is not that of the first certificate in %s", key,
		    settings->certificate);
	}
	out->scheme = signature_scheme_of(out->key);
	if (out->scheme == CREDENTIALS_NO_SCHEME)
		return problem_set(problem, ERR_UNSUPPORTED,
		    "the private key in %s is none that IKE can use: RSA of %d to %d bits, ECDSA "
		    "on "
		    "P-256, P-384 or P-521",
		    key, CREDENTIALS_RSA_BITS_MIN, CREDENTIALS_RSA_BITS_MAX);
	drop_roots(out->chain);
	if (sk_X509_num(out->chain) > CREDENTIALS_CERTIFICATES_MAX)
		return problem_set(problem, ERR_LIMIT, "%s has more than %d certificates",
		    settings->certificate, CREDENTIALS_CERTIFICATES_MAX);
	return ERR_OK;
}

enum credentials_scheme credentials_scheme_of(const char *certificate)
{
	STACK_OF(X509) *read = sk_X509_new_null();
	enum credentials_scheme scheme = CREDENTIALS_NO_SCHEME;
	const EVP_PKEY *key;

	if (read != NULL && certificate_read(certificate, read, NULL) == ERR_OK &&
	    sk_X509_num(read) > 0) {
		key = X509_get0_pubkey(sk_X509_value(read, 0));
		if (key != NULL)
			scheme = signature_scheme_of(key);
	}
	sk_X509_pop_free(read, X509_free);
	ERR_clear_error();
	return scheme;
}

enum err credentials_material_read(const struct credentials_settings *settings,
    struct credentials_material *out, struct problem *problem)
{
	struct trust_sources sources = {.authorities = settings->authorities,
	    .authority_count = settings->authority_count,
	    .crls = settings->crls,
	    .crl_count = settings->crl_count,
	    .crl_policy = settings->crl_policy,
	    .peers = &settings->peer_certificates,
	    .peer_count = settings->peer_certificates != NULL ? 1 : 0};
	enum err error;

	*out = (struct credentials_material){.chain = sk_X509_new_null()};
	error = out->chain != NULL ? read_own(settings, out, problem)
	                           : problem_set(problem, ERR_NO_MEMORY, "out of memory");
	if (error == ERR_OK)
		error = trust_load(&sources, &out->trust, problem);
	if (error != ERR_OK)
		credentials_material_clear(out);
	return error;
}

void credentials_material_clear(struct credentials_material *material)
{
	EVP_PKEY_free(material->key);
	sk_X509_pop_free(material->chain, X509_free);
	trust_free(material->trust);
	*material = (struct credentials_material){0};
}

/* FNV-1a. */
static void mix(uint64_t *print, const void *data, size_t len)
{
	const uint8_t *octets = data;

	for (size_t i = 0; i < len; i++)
		*print = (*print ^ octets[i]) * 0x100000001b3;
}

static bool mix_file(uint64_t *print, int directory, const char *path)
{
	struct stat status = {0};

	if (fstatat(directory, path, &status, 0) != 0)
		status = (struct stat){0};
	mix(print, &status.st_ino, sizeof(status.st_ino));
	mix(print, &status.st_size, sizeof(status.st_size));
	mix(print, &status.st_mtim, sizeof(status.st_mtim));
	return S_ISDIR(status.st_mode);
}

/* Entries come in no order, so what is mixed of them must not depend on one. */
static void mix_entries(uint64_t *print, const char *path)
{
	DIR *directory = opendir(path);
	struct dirent *entry;
	uint64_t sum = 0;

	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		uint64_t each = 0;

		if (entry->d_name[0] != '.')
			(void)mix_file(&each, dirfd(directory), entry->d_name);
		sum += each;
	}
	if (directory != NULL)
		(void)closedir(directory);
	mix(print, &sum, sizeof(sum));
}

static void mix_path(uint64_t *print, const char *path)
{
	if (path != NULL && mix_file(print, AT_FDCWD, path))
		mix_entries(print, path);
}

uint64_t credentials_fingerprint(const struct credentials_settings *settings)
{
	uint64_t print = 0xcbf29ce484222325;

	mix_path(&print, settings->certificate);
	mix_path(&print, settings->private_key);
	mix_path(&print, settings->peer_certificates);
	for (size_t i = 0; i < settings->authority_count; i++)
		mix_path(&print, settings->authorities[i]);
	for (size_t i = 0; i < settings->crl_count; i++)
		mix_path(&print, settings->crls[i]);
	return print;
}
