/*
 * The replay cache (RFC 4120 3.2.3): authenticators seen within the clock-skew window, in memory.
 * Nothing is forgotten before it is too old to be accepted; when full, new ones are refused.
 */
#ifndef KERBEROS_REPLAY_H
#define KERBEROS_REPLAY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct replay;

/*
 * skew in seconds; start_us: authenticators older than this (POSIX microseconds) are not fresh,
 * because what was seen before is not known.
 */
enum err replay_create(uint32_t skew, int64_t start_us, size_t max, struct replay **out) MUST_CHECK;
void replay_destroy(struct replay *replay);

/*
 * Remembers an authenticator by its client, server and time. ERR_REPLAY when it was seen before or
 * is from before the start; ERR_LIMIT when the cache is full. Thread-safe.
 */
enum err replay_check(struct replay *replay, const char *client, const char *server,
    int64_t time_us, int64_t now_us) MUST_CHECK;

#endif
