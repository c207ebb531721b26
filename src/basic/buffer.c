/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes stand at memory[begin…begin+size). Taking moves begin; room at the end is made by moving
 * the bytes to the front when that is cheap (at least as much has been taken as is left, so each
 * byte is moved a bounded number of times), else by allocating twice as much. */

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "basic/buffer.h"
#include "basic/cleanup.h"

#define SIZE_FIRST 4096
#define SIZE_KEPT  (64 * 1024) /* kept when empty */

void buffer_done(Buffer *b) {
        free(b->memory);
        *b = (Buffer){};
}

const char *buffer_data(const Buffer *b) {
        return b->memory ? b->memory + b->begin : "";
}

int buffer_reserve(Buffer *b, size_t size, char **ret_room) {
        size_t needed = b->size + size;

        if (needed < size)
                return -ENOMEM;

        if (b->allocated - b->begin < needed) {
                if (b->begin >= b->size && b->allocated >= needed && b->size > 0)
                        memmove(b->memory, b->memory + b->begin, b->size);
                else {
                        size_t allocated = b->allocated > 0 ? b->allocated : SIZE_FIRST;
                        char *memory;

                        while (allocated < needed) {
                                if (allocated > SIZE_MAX / 2)
                                        return -ENOMEM;
                                allocated *= 2;
                        }
                        if (allocated ==
                            b->allocated) /* little was taken: moving it again and again is dear */
                                allocated *= 2;
                        memory = malloc(allocated);
                        if (!memory)
                                return -ENOMEM;
                        if (b->size > 0)
                                memcpy(memory, b->memory + b->begin, b->size);
                        free(b->memory);
                        b->memory = memory;
                        b->allocated = allocated;
                }
                b->begin = 0;
        }

        *ret_room = b->memory + b->begin + b->size;
        return 0;
}

void buffer_commit(Buffer *b, size_t size) {
        assert(size <= b->allocated - b->begin - b->size);
        b->size += size;
}

int buffer_append(Buffer *b, const void *data, size_t size) {
        char *room;
        int r;

        if (size == 0)
                return 0;
        r = buffer_reserve(b, size, &room);
        if (r < 0)
                return r;
        memcpy(room, data, size);
        buffer_commit(b, size);
        return 0;
}

void buffer_consume(Buffer *b, size_t size) {
        assert(size <= b->size);
        b->begin += size;
        b->size -= size;
        if (b->size > 0)
                return;
        b->begin = 0;
        if (b->allocated > SIZE_KEPT)
                buffer_done(b);
}
