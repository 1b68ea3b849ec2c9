/* A folder of keys and certificates for a test, made by pki.sh. */
#ifndef UNIT_PKI_H
#define UNIT_PKI_H

/* Group fixtures of cmocka. */
int pki_make(void **state);
int pki_remove(void **state);
/* The path of a file in it, in one of a few buffers taken in turn; NULL for NULL. */
const char *pki_path(const char *name);
/* Runs a shell command in the folder. */
void pki_run(const char *command);

#endif
