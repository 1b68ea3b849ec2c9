/* The command line. */
#include "daemon/options.h"

#include <getopt.h>
#include <stdio.h>

#include "config.h"

static const char usage[] =
    "Usage: kinkd [OPTION]...\n"
    "Negotiates IPsec with the peers of a Kerberos realm. Stays in the foreground.\n"
    "\n"
    "  -c, --config=FILE  read FILE instead of " SYSCONFDIR "/kinkd/kinkd.conf\n"
    "  -t, --test         check the file, print what it would do, and exit\n"
    "  -d, --debug        log everything, whatever the file says\n"
    "      --help         print this and exit\n"
    "      --version      print the version and exit\n"
    "\n"
    "Exit status: 0 ended as asked, 1 failure, 2 wrong usage, 3 wrong configuration.\n";

enum { OPTION_HELP = 256, OPTION_VERSION };

static const struct option options[] = {
    {"config", required_argument, NULL, 'c'},
    {"test", no_argument, NULL, 't'},
    {"debug", no_argument, NULL, 'd'},
    {"help", no_argument, NULL, OPTION_HELP},
    {"version", no_argument, NULL, OPTION_VERSION},
    {NULL, 0, NULL, 0},
};

bool options_parse(int count, char **arguments, struct options *out, int *status)
{
	int option;

	*out = (struct options){.config_path = SYSCONFDIR "/kinkd/kinkd.conf"};
	*status = DAEMON_OK;
	while ((option = getopt_long(count, arguments, "c:td", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			out->config_path = optarg;
			break;
		case 't':
			out->test = true;
			break;
		case 'd':
			out->debug = true;
			break;
		case OPTION_HELP:
			(void)fputs(usage, stdout);
			return false;
		case OPTION_VERSION:
			(void)puts(PACKAGE_STRING);
			return false;
		default:
			(void)fputs("Try kinkd --help.\n", stderr);
			*status = DAEMON_USAGE;
			return false;
		}
	}
	if (optind < count) {
		(void)fprintf(
		    stderr, "kinkd: what is \"%s\"? kinkd takes options only\n", arguments[optind]);
		*status = DAEMON_USAGE;
		return false;
	}
	return true;
}
