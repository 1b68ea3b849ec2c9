/* Without libsystemd: standard error only, and nobody to notify. */
#include "daemon/output.h"

log_sink output_sink(void)
{
	return output_stderr;
}

void output_notify(const char *state)
{
	(void)state;
}
