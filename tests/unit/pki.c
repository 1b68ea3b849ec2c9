/* The folder that pki.sh fills. */
#include "pki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

static char folder[] = "test-pki.XXXXXX";

void pki_run(const char *command)
{
	char line[1024];

	(void)snprintf(line, sizeof(line), "cd %s && { %s; }", folder, command);
	assert_int_equal(system(line), 0);
}

int pki_make(void **state)
{
	const char *source = getenv("top_srcdir");
	char line[1024];

	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	(void)snprintf(line, sizeof(line), "%s/tests/unit/pki.sh %s >%s/log 2>&1",
	    source != NULL ? source : ".", folder, folder);
	return system(line);
}

int pki_remove(void **state)
{
	(void)state;
	pki_run("rm -rf ../$(basename \"$PWD\")");
	return 0;
}

const char *pki_path(const char *name)
{
	static char buffers[16][128];
	static unsigned turn;
	char *out = buffers[turn++ % 16];

	if (name == NULL)
		return NULL;
	(void)snprintf(out, sizeof(buffers[0]), "%s/%s", folder, name);
	return out;
}
