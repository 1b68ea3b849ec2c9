/* Error codes' texts. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

static const char *const texts[ERR_COUNT] = {
    [ERR_OK] = "success",
    [ERR_NO_MEMORY] = "out of memory",
    [ERR_LIMIT] = "limit reached",
    [ERR_INVALID] = "invalid value",
    [ERR_TRUNCATED] = "input ends too early",
    [ERR_TOO_LONG] = "too long",
    [ERR_UNSUPPORTED] = "not supported",
    [ERR_NOT_FOUND] = "not found",
    [ERR_EXISTS] = "exists already",
    [ERR_DENIED] = "not permitted",
    [ERR_AUTH] = "authentication failed",
    [ERR_REPLAY] = "replayed",
    [ERR_EXPIRED] = "expired",
    [ERR_SKEW] = "clock skew too great",
    [ERR_UNAVAILABLE] = "service unavailable",
    [ERR_UNREACHABLE] = "no server can be reached",
    [ERR_TIMEOUT] = "no answer",
    [ERR_REFUSED] = "refused by the peer",
    [ERR_SYSTEM] = "system error",
};

const char *err_text(enum err code)
{
	if ((unsigned)code >= ERR_COUNT)
		return "unknown error";
	return texts[code];
}

enum err problem_set(struct problem *problem, enum err code, const char *format, ...)
{
	va_list arguments;

	if (problem == NULL)
		return code;
	problem->code = code;
	va_start(arguments, format);
	(void)vsnprintf(problem->text, sizeof(problem->text), format, arguments);
	va_end(arguments);
	return code;
}
