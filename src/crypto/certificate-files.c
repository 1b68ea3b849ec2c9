/* Certificates and lists of revoked ones from files and directories. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "crypto/certificate.h"

/* What is wanted of a file: the one that is set. */
struct wanted {
	STACK_OF(X509) * certificates;
	STACK_OF(X509_CRL) * crls;
};

/* Takes it over; false when out of memory. */
static bool keep_certificate(const struct wanted *wanted, X509 *certificate, size_t *count)
{
	if (sk_X509_push(wanted->certificates, certificate) <= 0)
		return false;
	(*count)++;
	return true;
}

static bool keep_crl(const struct wanted *wanted, X509_CRL *crl, size_t *count)
{
	if (sk_X509_CRL_push(wanted->crls, crl) <= 0)
		return false;
	(*count)++;
	return true;
}

static void read_der(BIO *input, const struct wanted *wanted, size_t *count)
{
	X509 *certificate = wanted->certificates != NULL ? d2i_X509_bio(input, NULL) : NULL;
	X509_CRL *crl = wanted->crls != NULL ? d2i_X509_CRL_bio(input, NULL) : NULL;

	if (certificate != NULL && !keep_certificate(wanted, certificate, count))
		X509_free(certificate);
	if (crl != NULL && !keep_crl(wanted, crl, count))
		X509_CRL_free(crl);
}

/* No passphrase is asked for: keys in between are of no interest. */
static int no_passphrase(char *buffer, int size, int writing, void *context)
{
	(void)buffer, (void)size, (void)writing, (void)context;
	return -1;
}

static void read_pem(BIO *input, const struct wanted *wanted, size_t *count)
{
	STACK_OF(X509_INFO) *parts = PEM_X509_INFO_read_bio(input, NULL, no_passphrase, NULL);

	for (int i = 0; i < sk_X509_INFO_num(parts); i++) {
		X509_INFO *part = sk_X509_INFO_value(parts, i);

		if (part->x509 != NULL && wanted->certificates != NULL &&
		    keep_certificate(wanted, part->x509, count))
			part->x509 = NULL;
		if (part->crl != NULL && wanted->crls != NULL && keep_crl(wanted, part->crl, count))
			part->crl = NULL;
	}
	sk_X509_INFO_pop_free(parts, X509_INFO_free);
}

static enum err read_file(
    const char *path, const struct wanted *wanted, size_t *count, struct problem *problem)
{
	FILE *file = fopen(path, "re");
	BIO *input = file != NULL ? BIO_new_fp(file, BIO_CLOSE) : NULL;

	if (file == NULL)
		return problem_set(problem, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM,
		    "%s cannot be opened: %s", path, strerror(errno));
	if (input == NULL) {
		(void)fclose(file);
		return problem_set(problem, ERR_NO_MEMORY, "out of memory");
	}
	read_pem(input, wanted, count);
	if (*count == 0 && BIO_seek(input, 0) == 0)
		read_der(input, wanted, count);
	BIO_free(input);
	ERR_clear_error();
	return ERR_OK;
}

static enum err read_directory(
    const char *path, const struct wanted *wanted, size_t *count, struct problem *problem)
{
	struct dirent **entries;
	int found = scandir(path, &entries, NULL, alphasort);
	enum err error = ERR_OK;

	if (found < 0)
		return problem_set(
		    problem, ERR_SYSTEM, "%s cannot be read: %s", path, strerror(errno));
	for (int i = 0; i < found; i++) {
		char name[4096];
		struct stat status;
		size_t here = 0;
		int len = snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);

		if (error == ERR_OK && len < (int)sizeof(name) && entries[i]->d_name[0] != '.' &&
		    stat(name, &status) == 0 && S_ISREG(status.st_mode))
			error = read_file(name, wanted, &here, problem);
		*count += here;
		free(entries[i]);
	}
	free(entries);
	return error;
}

static enum err read_path(const char *path, const struct wanted *wanted, struct problem *problem)
{
	struct stat status;
	size_t count = 0;
	enum err error;

	if (stat(path, &status) != 0)
		return problem_set(problem, errno == ENOENT ? ERR_NOT_FOUND : ERR_SYSTEM,
		    "%s cannot be opened: %s", path, strerror(errno));
	error = S_ISDIR(status.st_mode) ? read_directory(path, wanted, &count, problem)
	                                : read_file(path, wanted, &count, problem);
	if (error == ERR_OK && count == 0 && !S_ISDIR(status.st_mode))
		error = problem_set(problem, ERR_NOT_FOUND, "%s has no %s in it, PEM or DER", path,
		    wanted->crls != NULL ? "list of revoked certificates" : "certificate");
	return error;
}

enum err certificate_read(const char *path, STACK_OF(X509) * out, struct problem *problem)
{
	return read_path(path, &(struct wanted){.certificates = out}, problem);
}

enum err certificate_read_crls(const char *path, STACK_OF(X509_CRL) * out, struct problem *problem)
{
	return read_path(path, &(struct wanted){.crls = out}, problem);
}
