/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The bytes come from inside a sandbox: whatever program sits there may say anything. A record is
 * looked at when it is whole, its name when that is, and the lengths in it decide nothing but how
 * much is passed on. */

#include <errno.h>
#include <string.h>

#include "handler/file-reader.h"

static size_t min_size(uint64_t a, size_t b) {
        return a < b ? (size_t)a : b;
}

static void tell(FileReader *r) {
        r->name[r->name_size] = 0;
        r->in_name = false;
        r->n_head = 0;
        r->left = r->record.length;
        r->events->on_record(&r->record, r->name, r->userdata);
}

/* Each takes what it needs and returns how much, or -EBADMSG. */

static ssize_t feed_head(FileReader *r, const char *data, size_t size) {
        size_t n = min_size(sizeof(r->head) - r->n_head, size);

        memcpy(r->head + r->n_head, data, n);
        r->n_head += n;
        if (r->n_head < sizeof(r->head))
                return (ssize_t)n;
        if (file_record_parse(r->head, sizeof(r->head), &r->record) < 0)
                return -EBADMSG;
        r->name_size = 0;
        r->in_name = true;
        return (ssize_t)n;
}

static ssize_t feed_name(FileReader *r, const char *data, size_t size) {
        size_t n = min_size(r->record.name_size - r->name_size, size);

        if (memchr(data, 0, n))
                return -EBADMSG;
        memcpy(r->name + r->name_size, data, n);
        r->name_size += (uint32_t)n;
        if (r->name_size == r->record.name_size)
                tell(r);
        return (ssize_t)n;
}

static ssize_t feed_data(FileReader *r, const char *data, size_t size) {
        size_t n = min_size(r->left, size);

        r->left -= n;
        r->events->on_data(data, n, r->userdata);
        return (ssize_t)n;
}

int file_reader_feed(FileReader *r, const char *data, size_t size) {
        while (size > 0) {
                ssize_t n = r->left > 0 ? feed_data(r, data, size) : feed_head(r, data, size);

                if (n < 0)
                        return (int)n;
                data += n;
                size -= (size_t)n;
                while (r->in_name && (size > 0 || r->record.name_size == r->name_size)) {
                        n = feed_name(r, data, size);
                        if (n < 0)
                                return (int)n;
                        data += n;
                        size -= (size_t)n;
                }
        }
        return 0;
}

bool file_reader_is_whole(const FileReader *r) {
        return r->n_head == 0 && !r->in_name && r->left == 0;
}
