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
 * because what was seen before is not known. A peer's libkrb5 dates an authenticator up to a second
 * early, never late: its microseconds count on from the first of each second. So a fresh one may be
 * refused in the second of the start. What a peer whose clock is ahead made before the start can
 * pass; refusing that too would mean to answer nobody until the skew is over. max: how many are
 * remembered at the same time.
 */
enum err replay_create(uint32_t skew, int64_t start_us, size_t max, struct replay **out) MUST_CHECK;
void replay_destroy(struct replay *replay);

/*
 * Remembers an authenticator by a mark of the session key that it was made with and by its time:
 * what RFC 4120 tells apart by the names of client and server, which a ticket's key implies.
 * ERR_REPLAY when it was seen before, ERR_EXPIRED when it is from before the start, but one made
 * now would not be (ERR_REPLAY when it would: our clock was stepped back), ERR_SKEW when it is
 * outside of the window, ERR_LIMIT when the cache is full. Thread-safe.
 */
enum err replay_check(
    struct replay *replay, uint64_t mark, int64_t time_us, int64_t now_us) MUST_CHECK;
/* How many are remembered, and how many were refused because the cache was full. */
void replay_count(struct replay *replay, size_t *count, uint64_t *full);

#endif
