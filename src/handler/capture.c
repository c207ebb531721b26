/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The first half of the room is filled once; the second half holds the latest bytes. Errors stand at
 * the end of an output and what it is about at its beginning, so the middle is what can go. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "basic/utf8.h"
#include "handler/capture.h"

#define HALF (CAPTURE_SIZE_MAX / 2)

void capture_done(Capture *c) {
        buffer_done(&c->head);
        buffer_done(&c->tail);
        *c = (Capture){};
}

int capture_add(Capture *c, const char *data, size_t size) {
        size_t room = HALF - c->head.size, n = size < room ? size : room;
        int r;

        r = buffer_append(&c->head, data, n);
        if (r >= 0)
                r = buffer_append(&c->tail, data + n, size - n);
        if (r < 0)
                return r;
        if (c->tail.size > HALF)
                buffer_consume(&c->tail, c->tail.size - HALF);
        c->size += size;
        return 0;
}

int capture_format(const Capture *c, char **ret, bool *ret_is_truncated) {
        uint64_t left_out = c->size - c->head.size - c->tail.size;
        char note[80] = "";
        size_t size;
        char *text;

        if (left_out > 0)
                (void)snprintf(note, sizeof(note), "\n[… %llu bytes left out …]\n",
                               (unsigned long long)left_out);
        size = c->head.size + strlen(note) + c->tail.size;
        text = malloc(size + 1);
        if (!text)
                return -ENOMEM;
        memcpy(text, buffer_data(&c->head), c->head.size);
        memcpy(text + c->head.size, note, strlen(note));
        memcpy(text + c->head.size + strlen(note), buffer_data(&c->tail), c->tail.size);
        text[size] = 0;
        for (size_t i = 0; i < size; i++)
                if (text[i] == 0)
                        text[i] = '?';
        *ret = utf8_scrub(text);
        *ret_is_truncated = left_out > 0;
        return 0;
}
