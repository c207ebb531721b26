/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Everything is kept until all widths are known. A line is never cut: a terminal that is too narrow
 * wraps it, and a program that reads it has all of it. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "client/show.h"
#include "client/table.h"

struct TableRow {
        char *cells[TABLE_COLUMNS_MAX];
        char *note;
};

void table_done(Table *t) {
        for (size_t i = 0; i < t->n_rows; i++) {
                for (size_t k = 0; k < t->n_columns; k++)
                        free(t->rows[i].cells[k]);
                free(t->rows[i].note);
        }
        free(t->rows);
        *t = (Table){ 0 };
}

int table_add(Table *t, const char *const *cells) {
        TableRow *rows = reallocarray(t->rows, t->n_rows + 1, sizeof(*rows)), *row;

        if (!rows)
                return -ENOMEM;
        t->rows = rows;
        row = rows + t->n_rows++;
        *row = (TableRow){ 0 };
        for (size_t i = 0; i < t->n_columns; i++) {
                row->cells[i] = show_name(cells[i][0] ? cells[i] : "-");
                if (!row->cells[i])
                        return -ENOMEM;
        }
        return 0;
}

int table_init(Table *t, const char *const *head, size_t n_columns) {
        *t = (Table){ .n_columns = n_columns };
        return table_add(t, head);
}

int table_add_note(Table *t, const char *text) {
        char **note = &t->rows[t->n_rows - 1].note;

        free(*note);
        *note = strdup(text);
        return *note ? 0 : -ENOMEM;
}

static void show_note(const char *note) {
        for (const char *line = note; *line;) {
                const char *end = strchrnul(line, '\n');
                _cleanup_free_ char *text = strndup(line, (size_t)(end - line));

                (void)fputs("    ", stdout);
                show_text(stdout, text ? text : "");
                (void)fputc('\n', stdout);
                line = *end ? end + 1 : end;
        }
}

int table_show(const Table *t) {
        size_t widths[TABLE_COLUMNS_MAX] = { 0 };

        for (size_t i = 0; i < t->n_rows; i++)
                for (size_t k = 0; k < t->n_columns; k++) {
                        size_t width = show_width(t->rows[i].cells[k]);

                        widths[k] = width > widths[k] ? width : widths[k];
                }
        for (size_t i = 0; i < t->n_rows; i++) {
                const TableRow *row = t->rows + i;

                for (size_t k = 0; k < t->n_columns; k++) {
                        (void)fputs(row->cells[k], stdout);
                        if (k + 1 < t->n_columns)
                                (void)printf("%*s",
                                             (int)(widths[k] - show_width(row->cells[k]) + 2), "");
                }
                (void)fputc('\n', stdout);
                if (row->note)
                        show_note(row->note);
        }
        return show_done();
}
