/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Bytes for file_record_parse(), as a program inside a sandbox may say them. What must hold of
 * anything it accepts is asserted here, not only that it survives. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/limits.h"
#include "wire/file-record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_record(const FileRecord *r) {
        assert(r->type == FILE_RECORD_FILE || r->type == FILE_RECORD_END);
        assert(r->error <= 4095 && r->reserved == 0);
        assert(r->size <= INT64_MAX && r->length <= r->size);
        assert(r->mode <= 07777 && r->kind < _FILE_KIND_MAX && r->name_size < FILE_PATH_MAX);
        if (r->error > 0 || r->type == FILE_RECORD_END) {
                assert(r->length == 0 && r->mtime_sec == 0 && r->mode == 0 && r->kind == 0);
                assert(r->size == 0 || (r->type == FILE_RECORD_FILE && r->error == EFBIG));
        } else
                assert(r->kind != FILE_KIND_UNKNOWN);
        assert(r->type == FILE_RECORD_FILE || r->name_size == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        FileRecord r, untouched;
        int result;

        memset(&r, 0xa5, sizeof(r));
        memcpy(&untouched, &r, sizeof(r));
        result = file_record_parse(data, size, &r);
        if (result < 0) {
                assert(result == (size < sizeof(r) ? -EAGAIN : -EBADMSG));
                assert(memcmp(&r, &untouched, sizeof(r)) == 0);
                return 0;
        }
        assert(size >= sizeof(r) && memcmp(&r, data, sizeof(r)) == 0);
        check_record(&r);
        return 0;
}
