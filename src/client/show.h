/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a person reads. Anything that came over the wire is shown with its control characters made
 * visible, so that no error text or description moves the cursor of a terminal. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdio.h>

#include "basic/cleanup.h"

/* One line on stderr: "cloche: …", in red on a terminal. The whole of it is made visible as
 * show_text() does it, except for newlines. */
_printf_(1, 2) void show_error(const char *format, ...);
/* The same without the colour: something to know, not a failure. */
_printf_(1, 2) void show_notice(const char *format, ...);

/* Writes text with control characters (C0 but for newline, DEL, C1) as \xNN. */
void show_text(FILE *f, const char *text);

/* A name that others chose, with every control character as \xNN, the newline too: it takes one line
 * wherever it is shown. To be freed; NULL without memory. */
char *show_name(const char *name);

/* How many columns text takes when every character is one wide. */
size_t show_width(const char *text);

/* The object as one line, or indented on a terminal. Returns 0 or -errno: stdout may be a full
 * disk. */
int show_json(json_object *object);

/* Flushes stdout. Returns 0 or -errno. */
int show_done(void);

/* Members of an answer, borrowed; "" or 0 when missing or of another type. */
const char *show_string_of(json_object *object, const char *name);
uint64_t show_number_of(json_object *object, const char *name);
