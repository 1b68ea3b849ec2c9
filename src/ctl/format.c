/* Durations and sizes in human units. */
#include <stdio.h>

#include "ctl/ctl.h"

const char *format_duration(int64_t seconds, char text[FORMAT_SIZE])
{
	if (seconds < 60)
		(void)snprintf(text, FORMAT_SIZE, "%d s", (int)(seconds > 0 ? seconds : 0));
	else if (seconds < 3600)
		(void)snprintf(text, FORMAT_SIZE, "%d min", (int)(seconds / 60));
	else if (seconds < 36000 && seconds % 3600 >= 60)
		(void)snprintf(text, FORMAT_SIZE, "%d h %d min", (int)(seconds / 3600),
		    (int)(seconds % 3600 / 60));
	else if (seconds < 172800)
		(void)snprintf(text, FORMAT_SIZE, "%d h", (int)(seconds / 3600));
	else
		(void)snprintf(text, FORMAT_SIZE, "%lld d", (long long)(seconds / 86400));
	return text;
}

const char *format_bytes(uint64_t bytes, char text[FORMAT_SIZE])
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	double value = (double)bytes;
	size_t unit = 0;

	while (value >= 1023.95 && unit + 1 < sizeof(units) / sizeof(units[0])) {
		value /= 1024;
		unit++;
	}
	if (unit == 0 || value >= 99.95)
		(void)snprintf(text, FORMAT_SIZE, "%.0f %s", value, units[unit]);
	else
		(void)snprintf(text, FORMAT_SIZE, "%.1f %s", value, units[unit]);
	return text;
}

char *format_plain(char *text)
{
	unsigned char before = 0;

	for (char *c = text; *c != '\0'; c++) {
		unsigned char octet = (unsigned char)*c;

		if (octet < ' ' || octet == 0x7f)
			*c = '?';
		/* U+0080 to U+009F, which some terminals obey as well, are C2 80 to C2 9F. */
		else if (before == 0xc2 && octet < 0xa0)
			c[-1] = *c = '?';
		before = octet;
	}
	return text;
}

size_t format_width(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80; /* not for a continuation */
	return width;
}
