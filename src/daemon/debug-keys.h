/*
 * The debugging key file: with it, and kink.lua, Wireshark reads what this daemon and its peers
 * send. It is a table "esp_sa" as Wireshark keeps it in a profile (one line for each SA), with
 * Kerberos session keys in its comments.
 */
#ifndef DAEMON_DEBUG_KEYS_H
#define DAEMON_DEBUG_KEYS_H

#include "base/bytes.h"
#include "base/error.h"
#include "kinkd/dataplane.h"

struct debug_keys;

/* Appends to a file of ours that nobody else may read; makes it if there is none. */
enum err debug_keys_open(
    const char *path, struct debug_keys **out, struct problem *problem) MUST_CHECK;
void debug_keys_close(struct debug_keys *keys);
void debug_keys_sa(struct debug_keys *keys, const struct dataplane_sa *sa);
/* As kerberos_settings.disclose; from any thread. */
void debug_keys_session(
    void *self, const char *client, const char *server, int32_t etype, struct bytes key);

#endif
