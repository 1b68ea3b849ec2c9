/* Error codes that every fallible function returns, and the explained form for people. */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stddef.h>

/* 0 is success. Each code says what kind of thing went wrong, not where. */
enum err {
	ERR_OK = 0,
	ERR_NO_MEMORY,   /* an allocation failed */
	ERR_LIMIT,       /* a table or queue is at its configured limit */
	ERR_INVALID,     /* a value that the rules forbid */
	ERR_TRUNCATED,   /* input ended before the structure did */
	ERR_TOO_LONG,    /* output buffer or field too small for the value */
	ERR_UNSUPPORTED, /* well-formed, but not something that is implemented or enabled */
	ERR_NOT_FOUND,   /* the thing named does not exist */
	ERR_EXISTS,      /* the thing named exists already */
	ERR_DENIED,      /* policy, or the operating system, forbids it */
	ERR_AUTH,        /* authentication or integrity check failed */
	ERR_REPLAY,      /* a message or authenticator seen before */
	ERR_EXPIRED,     /* a lifetime or validity period is over */
	ERR_SKEW,        /* clocks differ by more than is allowed */
	ERR_UNAVAILABLE, /* a service does not answer now; trying again later makes sense */
	ERR_UNREACHABLE, /* no server of a service can be reached; trying again later as well */
	ERR_TIMEOUT,     /* the peer did not answer in time */
	ERR_REFUSED,     /* the peer answered with an error */
	ERR_SYSTEM,      /* the operating system or a library failed; the text says how */
	ERR_COUNT
};

#define MUST_CHECK __attribute__((warn_unused_result))

/* A short lower-case description, for example "integrity check failed". Never NULL. */
const char *err_text(enum err code);

/*
 * An error that a person will see: what was tried, what came back and what to do next.
 * text is always terminated; it is cut rather than overrun.
 */
struct problem {
	enum err code;
	char text[320];
};

/* Fills problem (which may be NULL) and returns code, so that callers can `return problem_set()`.
 */
enum err problem_set(struct problem *problem, enum err code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
