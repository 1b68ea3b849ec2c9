/* Aligned columns. The last one is as wide as it likes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/ctl.h"

#define COLUMNS_MAX 16

struct cell {
	char *text;
	int colour;
};

struct table {
	const char *const *headings;
	size_t columns;
	size_t widths[COLUMNS_MAX];
	struct cell *cells;
	size_t count;
	size_t capacity;
};

struct table *table_new(const char *const *headings, size_t columns)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		abort();
	table->headings = headings;
	table->columns = columns;
	for (size_t i = 0; i < columns; i++)
		table->widths[i] = format_width(headings[i]);
	return table;
}

void table_add(struct table *table, const char *text, int colour)
{
	size_t column = table->count % table->columns;
	struct cell *cells;
	struct cell *cell;
	size_t width;

	if (table->count == table->capacity) {
		table->capacity = table->capacity > 0 ? 2 * table->capacity : 64;
		cells = realloc(table->cells, table->capacity * sizeof(*cells));
		if (cells == NULL)
			abort();
		table->cells = cells;
	}
	if (text == NULL)
		text = "-";
	cell = &table->cells[table->count++];
	*cell = (struct cell){.text = strdup(text), .colour = colour};
	if (cell->text == NULL)
		abort();
	width = format_width(format_plain(cell->text));
	if (width > table->widths[column])
		table->widths[column] = width;
}

static void print_cell(const struct table *table, size_t column, const char *text, int colour)
{
	bool last = column + 1 == table->columns;

	if (colour != 0)
		(void)printf("\033[%dm%s\033[0m", colour, text);
	else
		(void)fputs(text, stdout);
	if (last)
		(void)putchar('\n');
	else
		(void)printf("%*s", (int)(table->widths[column] - format_width(text)) + 2, "");
}

void table_print(struct table *table, bool colours)
{
	for (size_t i = 0; i < table->columns; i++)
		print_cell(table, i, table->headings[i], colours ? 1 : 0);
	for (size_t i = 0; i < table->count; i++) {
		const struct cell *cell = &table->cells[i];

		print_cell(table, i % table->columns, cell->text, colours ? cell->colour : 0);
		free(cell->text);
	}
	free(table->cells);
	free(table);
}
