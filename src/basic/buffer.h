/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A queue of bytes in one piece: appended at its end, taken from its front. Grows as needed and
 * gives memory back when it runs empty; how much may stand in it is its owner's rule. {} is an
 * empty one. */

#include <stddef.h>

typedef struct Buffer {
        char *memory;
        size_t allocated;
        size_t begin; /* of what is queued */
        size_t size;
} Buffer;

void buffer_done(Buffer *b);

/* What is queued, b->size bytes; borrowed until the next call. */
const char *buffer_data(const Buffer *b);

/* Returns 0 or -ENOMEM, and then nothing was appended. */
int buffer_append(Buffer *b, const void *data, size_t size);

/* Room for size bytes after what is queued, for a read(); then buffer_commit() says how many came.
 */
int buffer_reserve(Buffer *b, size_t size, char **ret_room);
void buffer_commit(Buffer *b, size_t size);

/* Takes size bytes (at most what is queued) from the front. */
void buffer_consume(Buffer *b, size_t size);
