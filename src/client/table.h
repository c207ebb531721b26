/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A table for people, as wide as its contents: columns are two spaces apart, and what is in them may
 * have come over the wire (show.h). */

#include <stddef.h>

#define TABLE_COLUMNS_MAX 9

typedef struct TableRow TableRow;

typedef struct Table {
        size_t n_columns;
        TableRow *rows; /* owned */
        size_t n_rows;
} Table;

/* head: the names of the columns, 1…TABLE_COLUMNS_MAX. Returns 0 or -ENOMEM. */
int table_init(Table *t, const char *const *head, size_t n_columns);
void table_done(Table *t);
#define _cleanup_table_ _cleanup_(table_done)

/* Adds a row of as many cells; "" is shown as "-". Texts are copied. Returns 0 or -ENOMEM. */
int table_add(Table *t, const char *const *cells);

/* What stands below the row that was added last, on lines of its own and indented; copied. Returns 0
 * or -ENOMEM. */
int table_add_note(Table *t, const char *text);

/* Writes it to stdout. Returns 0 or -errno. */
int table_show(const Table *t);
