/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The one place that decides whether bytes are a record of a file. They come from a program that
 * runs among the code, as the code's user: every byte may be a lie, and one that is no record makes
 * the rest of the stream worthless, because nobody knows where the next one begins. What a record
 * may mean after which command is its caller's to check, like the name's bytes. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "basic/limits.h"
#include "wire/file-record.h"

#define ERROR_MAX 4095 /* errno's range, as in the kernel */
#define MODE_MAX  07777

static bool says_nothing_else(const FileRecord *r) {
        return (r->size == 0 || (r->error == EFBIG && r->size <= INT64_MAX)) && r->length == 0 &&
               r->mtime_sec == 0 && r->mode == 0 && r->kind == FILE_KIND_UNKNOWN;
}

static bool is_file_valid(const FileRecord *r) {
        if (r->name_size >= FILE_PATH_MAX)
                return false;
        if (r->error != 0)
                return says_nothing_else(r);
        return r->size <= INT64_MAX && r->length <= r->size && r->mode <= MODE_MAX &&
               r->kind > FILE_KIND_UNKNOWN && r->kind < _FILE_KIND_MAX;
}

static bool is_valid(const FileRecord *r) {
        if (r->error > ERROR_MAX || r->reserved != 0)
                return false;

        switch ((FileRecordType)r->type) {
        case FILE_RECORD_FILE:
                return is_file_valid(r);
        case FILE_RECORD_END:
                return says_nothing_else(r) && r->size == 0 && r->name_size == 0;
        case FILE_RECORD_INVALID:
        case _FILE_RECORD_TYPE_MAX:
        default:
                return false;
        }
}

int file_record_parse(const void *data, size_t size, FileRecord *ret) {
        FileRecord r;

        if (size < sizeof(r))
                return -EAGAIN;
        memcpy(&r, data, sizeof(r));
        if (!is_valid(&r))
                return -EBADMSG;
        *ret = r;
        return 0;
}
