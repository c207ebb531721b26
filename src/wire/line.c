/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Each byte is looked at once for a newline, however the stream was cut into reads: scanned
 * remembers how far the search has come. The buffer holds at most one unfinished line and the last
 * read. */

#include <string.h>

#include "basic/limits.h"
#include "wire/line.h"

static void drop_given(LineReader *l) {
        buffer_consume(&l->buffer, l->given);
        l->given = 0;
}

void line_reader_done(LineReader *l) {
        buffer_done(&l->buffer);
        *l = (LineReader){};
}

int line_reader_reserve(LineReader *l, size_t size, char **ret_room) {
        drop_given(l);
        return buffer_reserve(&l->buffer, size, ret_room);
}

void line_reader_commit(LineReader *l, size_t size) {
        buffer_commit(&l->buffer, size);
}

int line_reader_add(LineReader *l, const char *data, size_t size) {
        drop_given(l);
        return buffer_append(&l->buffer, data, size);
}

LineFound line_reader_next(LineReader *l, const char **ret_line, size_t *ret_size) {
        const char *data, *newline;
        size_t size;

        drop_given(l);
        data = buffer_data(&l->buffer);
        size = l->buffer.size;
        newline = memchr(data + l->scanned, '\n', size - l->scanned);
        if (!newline) {
                l->scanned = size;
                return size > LINE_SIZE_MAX ? LINE_TOO_LONG : LINE_NONE;
        }
        size = (size_t)(newline - data);
        if (size > LINE_SIZE_MAX) {
                l->scanned = size;
                return LINE_TOO_LONG;
        }

        l->scanned = 0;
        l->given = size + 1;
        *ret_line = data;
        *ret_size = size;
        return LINE_WHOLE;
}

bool line_reader_is_inside(const LineReader *l) {
        return l->buffer.size > l->given;
}
