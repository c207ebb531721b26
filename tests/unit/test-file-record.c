/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which bytes are a record of a file. The program that says them runs among the code and may say
 * anything; each case here is one field wrong. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "wire/file-record.h"

static const FileRecord file = {
        .type = FILE_RECORD_FILE,
        .size = 100,
        .length = 10,
        .mtime_sec = 1700000000,
        .mode = 0644,
        .kind = FILE_KIND_REGULAR,
        .name_size = 5,
};
static const FileRecord failed = { .type = FILE_RECORD_FILE, .error = ENOENT, .name_size = 5 };
static const FileRecord too_large = {
        .type = FILE_RECORD_FILE,
        .error = EFBIG,
        .size = 100,
        .name_size = 5,
};
static const FileRecord end = { .type = FILE_RECORD_END };

static void takes_whole_records_only(void **state _unused_) {
        static const FileRecord *const records[] = { &file, &failed, &too_large, &end };
        union {
                FileRecord record;
                char bytes[sizeof(FileRecord) + 16];
        } u;

        for (size_t i = 0; i < ARRAY_SIZE(records); i++)
                for (size_t size = 0; size <= sizeof(u); size++) {
                        FileRecord ret = {}, zero = {};

                        memset(&u, 0xff, sizeof(u));
                        u.record = *records[i];
                        if (size < sizeof(FileRecord)) {
                                assert_int_equal(file_record_parse(&u, size, &ret), -EAGAIN);
                                assert_memory_equal(&ret, &zero, sizeof(ret));
                        } else {
                                assert_int_equal(file_record_parse(&u, size, &ret), 0);
                                assert_memory_equal(&ret, records[i], sizeof(ret));
                        }
                }
}

/* One field of a record set to one value. */
typedef struct Case {
        const FileRecord *record;
        size_t offset, size;
        uint64_t value;
        int result;
} Case;

#define FIELD(member) offsetof(FileRecord, member), sizeof(((FileRecord *)NULL)->member)

static void holds_every_field_to_its_range(void **state _unused_) {
        static const Case cases[] = {
                { &file,      FIELD(type),      FILE_RECORD_INVALID,     -EBADMSG },
                { &file,      FIELD(type),      FILE_RECORD_END,         -EBADMSG },
                { &file,      FIELD(type),      _FILE_RECORD_TYPE_MAX,   -EBADMSG },
                { &file,      FIELD(type),      UINT32_MAX,              -EBADMSG },
                { &file,      FIELD(error),     ENOENT,                  -EBADMSG },
                { &file,      FIELD(error),     EFBIG,                   -EBADMSG },
                { &file,      FIELD(size),      10,                      0        },
                { &file,      FIELD(size),      9,                       -EBADMSG },
                { &file,      FIELD(size),      INT64_MAX,               0        },
                { &file,      FIELD(size),      (uint64_t)INT64_MAX + 1, -EBADMSG },
                { &file,      FIELD(size),      UINT64_MAX,              -EBADMSG },
                { &file,      FIELD(length),    0,                       0        },
                { &file,      FIELD(length),    100,                     0        },
                { &file,      FIELD(length),    101,                     -EBADMSG },
                { &file,      FIELD(length),    UINT64_MAX,              -EBADMSG },
                { &file,      FIELD(mtime_sec), UINT64_MAX,              0        }, /* -1 */
                { &file,      FIELD(mode),      07777,                   0        },
                { &file,      FIELD(mode),      010000,                  -EBADMSG },
                { &file,      FIELD(mode),      UINT32_MAX,              -EBADMSG },
                { &file,      FIELD(kind),      FILE_KIND_UNKNOWN,       -EBADMSG },
                { &file,      FIELD(kind),      FILE_KIND_OTHER,         0        },
                { &file,      FIELD(kind),      _FILE_KIND_MAX,          -EBADMSG },
                { &file,      FIELD(kind),      UINT32_MAX,              -EBADMSG },
                { &file,      FIELD(name_size), 0,                       0        },
                { &file,      FIELD(name_size), FILE_PATH_MAX - 1,       0        },
                { &file,      FIELD(name_size), FILE_PATH_MAX,           -EBADMSG },
                { &file,      FIELD(name_size), UINT32_MAX,              -EBADMSG },
                { &file,      FIELD(reserved),  1,                       -EBADMSG },
                { &failed,    FIELD(error),     4095,                    0        },
                { &failed,    FIELD(error),     4096,                    -EBADMSG },
                { &failed,    FIELD(error),     UINT32_MAX,              -EBADMSG },
                { &failed,    FIELD(size),      1,                       -EBADMSG },
                { &failed,    FIELD(length),    1,                       -EBADMSG },
                { &failed,    FIELD(mtime_sec), 1,                       -EBADMSG },
                { &failed,    FIELD(mode),      1,                       -EBADMSG },
                { &failed,    FIELD(kind),      FILE_KIND_REGULAR,       -EBADMSG },
                { &failed,    FIELD(name_size), FILE_PATH_MAX,           -EBADMSG },
                { &failed,    FIELD(reserved),  1,                       -EBADMSG },
                { &too_large, FIELD(size),      UINT64_MAX,              -EBADMSG },
                { &too_large, FIELD(length),    1,                       -EBADMSG },
                { &end,       FIELD(error),     E2BIG,                   0        },
                { &end,       FIELD(error),     4096,                    -EBADMSG },
                { &end,       FIELD(size),      1,                       -EBADMSG },
                { &end,       FIELD(mode),      1,                       -EBADMSG },
                { &end,       FIELD(kind),      FILE_KIND_REGULAR,       -EBADMSG },
                { &end,       FIELD(name_size), 1,                       -EBADMSG },
                { &end,       FIELD(reserved),  1,                       -EBADMSG },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const Case *c = &cases[i];
                FileRecord r = *c->record, ret;

                memcpy((char *)&r + c->offset, &c->value, c->size);
                if (file_record_parse(&r, sizeof(r), &ret) != c->result)
                        fail_msg("case %zu", i);
        }
}

static void gives_an_end_no_size(void **state _unused_) {
        FileRecord r = { .type = FILE_RECORD_END, .error = EFBIG, .size = 1 };

        assert_int_equal(file_record_parse(&r, sizeof(r), &r), -EBADMSG);
}

static void has_no_hidden_padding(void **state _unused_) {
        assert_int_equal(sizeof(FileRecord), 2 * 4 + 3 * 8 + 4 * 4);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(takes_whole_records_only),
                cmocka_unit_test(holds_every_field_to_its_range),
                cmocka_unit_test(gives_an_end_no_size),
                cmocka_unit_test(has_no_hidden_padding),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
