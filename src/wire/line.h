/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Newline framing: bytes in, lines out. A line is what stands before a newline, at most
 * LINE_SIZE_MAX bytes; what it means is not looked at. {} is an empty reader. Pure. */

#include <stdbool.h>
#include <stddef.h>

#include "basic/buffer.h"

typedef struct LineReader {
        Buffer buffer;
        size_t scanned; /* bytes at the front that are known to hold no newline */
        size_t given;   /* bytes at the front that were handed out: the last line and its newline */
} LineReader;

typedef enum LineFound {
        LINE_NONE, /* more bytes are needed */
        LINE_WHOLE,
        LINE_TOO_LONG, /* from here on the stream means nothing: read no more */
} LineFound;

void line_reader_done(LineReader *l);

/* Room for the next size bytes of the stream, then how many of them came. Returns 0 or -ENOMEM. */
int line_reader_reserve(LineReader *l, size_t size, char **ret_room);
void line_reader_commit(LineReader *l, size_t size);
/* Both for bytes that lie somewhere else. Returns 0 or -ENOMEM. */
int line_reader_add(LineReader *l, const char *data, size_t size);

/* The next line, without its newline; borrowed until the next call of anything here. */
LineFound line_reader_next(LineReader *l, const char **ret_line, size_t *ret_size);

/* Whether a line has begun and its newline has not come. */
bool line_reader_is_inside(const LineReader *l);
