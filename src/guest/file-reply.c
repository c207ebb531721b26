/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A record and its name are one write(), so that a command which is killed leaves half a record as
 * seldom as possible. The bytes of a file follow a promise: a file that shrinks while it is sent
 * breaks it, and then the stream ends there, which the host sees, because nothing could be told
 * apart behind that point. A file that grows is cut where it was promised to end. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/limits.h"
#include "guest/file-reply.h"
#include "wire/file-record.h"

#define CHUNK_SIZE (64 * 1024)

typedef struct NamedRecord {
        FileRecord record;
        char name[FILE_PATH_MAX];
} NamedRecord;

static int reply(const FileRecord *record, const char *name) {
        NamedRecord r;
        size_t n = strlen(name);

        if (n >= sizeof(r.name))
                return -ENAMETOOLONG;
        r.record = *record;
        r.record.name_size = (uint32_t)n;
        memcpy(r.name, name, n);
        return fd_write_all(STDOUT_FILENO, &r, offsetof(NamedRecord, name) + n);
}

static FileKind kind_of(mode_t mode) {
        switch (mode & S_IFMT) {
        case S_IFREG:
                return FILE_KIND_REGULAR;
        case S_IFDIR:
                return FILE_KIND_DIRECTORY;
        case S_IFLNK:
                return FILE_KIND_SYMLINK;
        default:
                return FILE_KIND_OTHER;
        }
}

int file_reply_file(const struct stat *st, uint64_t length, const char *name) {
        const FileRecord r = {
                .type = FILE_RECORD_FILE,
                .size = (uint64_t)st->st_size,
                .length = length,
                .mtime_sec = st->st_mtim.tv_sec,
                .mode = st->st_mode & 07777,
                .kind = kind_of(st->st_mode),
        };

        return reply(&r, name);
}

int file_reply_error(int error, const char *name) {
        const FileRecord r = { .type = FILE_RECORD_FILE, .error = (uint32_t)error };

        return reply(&r, name);
}

int file_reply_too_large(const struct stat *st, const char *name) {
        const FileRecord r = {
                .type = FILE_RECORD_FILE,
                .error = EFBIG,
                .size = (uint64_t)st->st_size,
        };

        return reply(&r, name);
}

int file_reply_end(int error) {
        const FileRecord r = { .type = FILE_RECORD_END, .error = (uint32_t)error };

        return reply(&r, "");
}

int file_reply_bytes(int fd, uint64_t offset, uint64_t length) {
        char chunk[CHUNK_SIZE];

        while (length > 0) {
                ssize_t n = pread(fd, chunk, length < sizeof(chunk) ? length : sizeof(chunk),
                                  (off_t)offset);

                if (n <= 0 || fd_write_all(STDOUT_FILENO, chunk, (size_t)n) < 0)
                        return FILE_E_BROKEN;
                offset += (uint64_t)n;
                length -= (uint64_t)n;
        }
        return 0;
}

int file_parse_number(const char *text, uint64_t *ret) {
        uint64_t value = 0;

        if (!*text)
                return -EINVAL;
        for (; *text; text++) {
                if (*text < '0' || *text > '9')
                        return -EINVAL;
                if (value > (INT64_MAX - (uint64_t)(*text - '0')) / 10)
                        return -EINVAL;
                value = value * 10 + (uint64_t)(*text - '0');
        }
        *ret = value;
        return 0;
}
