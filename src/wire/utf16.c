/* UTF-8 to UTF-16LE and back: RFC 3629, RFC 2781. */
#include "wire/utf16.h"

#define HIGH_FIRST 0xd800
#define LOW_FIRST  0xdc00
#define HALF_LAST  0xdfff
#define WIDE_FIRST 0x10000
#define WIDE_LAST  0x10ffff

/* The first octet's mark and how many follow it; the smallest number that needs so many. */
static const struct {
	uint8_t mask, mark;
	uint8_t more;
	uint32_t least;
} forms[] = {
    {0x80, 0x00, 0, 0}, {0xe0, 0xc0, 1, 0x80}, {0xf0, 0xe0, 2, 0x800}, {0xf8, 0xf0, 3, WIDE_FIRST}};

#define FORM_COUNT (sizeof(forms) / sizeof(forms[0]))

/* The next character; 0 for what is none. */
static uint32_t next_utf8(const uint8_t **at)
{
	uint8_t first = *(*at)++;
	size_t form = 0;
	uint32_t number;

	while (form < FORM_COUNT && (first & forms[form].mask) != forms[form].mark)
		form++;
	if (form == FORM_COUNT)
		return 0;
	number = first & (uint8_t)~forms[form].mask;
	for (uint8_t i = 0; i < forms[form].more; i++) {
		if ((**at & 0xc0) != 0x80)
			return 0;
		number = number << 6 | (*(*at)++ & 0x3f);
	}
	return number >= forms[form].least && number <= WIDE_LAST &&
	               (number < HIGH_FIRST || number > HALF_LAST)
	           ? number
	           : 0;
}

static void put_unit(struct writer *out, uint32_t unit)
{
	writer_u8(out, (uint8_t)unit);
	writer_u8(out, (uint8_t)(unit >> 8));
}

void utf16_put(struct writer *out, const char *text)
{
	const uint8_t *at = (const uint8_t *)text;

	while (*at != '\0') {
		uint32_t number = next_utf8(&at);

		if (number == 0) {
			out->failed = true;
			return;
		}
		if (number < WIDE_FIRST) {
			put_unit(out, number);
		} else {
			put_unit(out, HIGH_FIRST + ((number - WIDE_FIRST) >> 10));
			put_unit(out, LOW_FIRST + ((number - WIDE_FIRST) & 0x3ff));
		}
	}
}

static uint32_t take_unit(struct reader *from)
{
	uint32_t low = reader_u8(from);

	return low | (uint32_t)reader_u8(from) << 8;
}

static void put_utf8(struct writer *out, uint32_t number)
{
	size_t form = FORM_COUNT - 1;

	while (number < forms[form].least)
		form--;
	writer_u8(out, (uint8_t)(forms[form].mark | number >> 6 * forms[form].more));
	for (unsigned i = forms[form].more; i-- > 0;)
		writer_u8(out, (uint8_t)(0x80 | (number >> 6 * i & 0x3f)));
}

enum err utf16_decode(struct bytes octets, char *out, size_t size)
{
	struct reader from = reader_of(octets);
	struct writer text = writer_of(out, size);

	while (reader_left(&from) > 0) {
		uint32_t number = take_unit(&from);

		if (number >= HIGH_FIRST && number < LOW_FIRST) {
			uint32_t low = take_unit(&from);

			if (low < LOW_FIRST || low > HALF_LAST)
				return ERR_INVALID;
			number = WIDE_FIRST + ((number - HIGH_FIRST) << 10) + (low - LOW_FIRST);
		} else if (number >= LOW_FIRST && number <= HALF_LAST) {
			return ERR_INVALID;
		}
		if (number < ' ' || number == 0x7f)
			return ERR_INVALID;
		put_utf8(&text, number);
	}
	if (!reader_ok(&from))
		return ERR_INVALID;
	writer_u8(&text, '\0');
	return writer_ok(&text) ? ERR_OK : ERR_TOO_LONG;
}
