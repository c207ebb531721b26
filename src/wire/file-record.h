/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What `cloche-guest file …` says on its stdout: it runs inside a sandbox as the code's user, like
 * any program there, and does with files what that user may do.
 *
 *   file get PATH OFFSET LENGTH      one FILE record, then at most LENGTH bytes (decimal numbers)
 *   file put PATH MODE [OFFSET]      takes stdin to its end, then one FILE record. Without OFFSET a
 *                                    new file takes the place of the old in one step; with it, bytes
 *                                    from there on are written over. MODE is octal; missing
 *                                    directories are made
 *   file list PATH AFTER MAX [deep]  one FILE record for each entry in the order of their names, those
 *                                    behind AFTER ("" for all), at most MAX, then END
 *   file remove PATH [deep]          one FILE record
 *   file collect MAX_FILES MAX_BYTES PATTERN…
 *                                    for every regular file that a glob(7) pattern matches one FILE
 *                                    record and its bytes; then END. A file beyond MAX_BYTES in all
 *                                    is named with error EFBIG and without its bytes
 *
 * A record is this struct in host byte order, then name_size bytes of name, then length bytes of the
 * file. Whatever fails is a record with an error; the exit status says nothing more.
 *
 * Trust: the host believes none of it: file_record_parse() checks every field. */

#include <stddef.h>
#include <stdint.h>

typedef enum FileRecordType {
        FILE_RECORD_INVALID,
        FILE_RECORD_FILE,
        FILE_RECORD_END, /* error: why the listing is not whole (E2BIG: there are more), or 0 */
        _FILE_RECORD_TYPE_MAX,
} FileRecordType;

typedef enum FileKind {
        FILE_KIND_UNKNOWN,
        FILE_KIND_REGULAR,
        FILE_KIND_DIRECTORY,
        FILE_KIND_SYMLINK,
        FILE_KIND_OTHER, /* a device, a socket, a pipe */
        _FILE_KIND_MAX,
} FileKind;

typedef struct FileRecord {
        uint32_t type;
        uint32_t error;     /* 0 or an errno; then the rest is 0, but for the name, and for the size
                               when the file was only too large (EFBIG) */
        uint64_t size;      /* of the whole file */
        uint64_t length;    /* bytes of it that follow, at most size */
        int64_t mtime_sec;  /* since the epoch */
        uint32_t mode;      /* permission bits, 0…07777 */
        uint32_t kind;      /* FileKind */
        uint32_t name_size; /* 0…FILE_PATH_MAX-1; what it is relative to is the command's */
        uint32_t reserved;  /* 0 */
} FileRecord;

/* Checks and copies the first record of size bytes. Pure. Returns 0, -EAGAIN when there are not
 * enough bytes for the struct yet, or -EBADMSG. The name and the bytes are not looked at. */
int file_record_parse(const void *data, size_t size, FileRecord *ret);
