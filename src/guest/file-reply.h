/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a file command says: records and bytes on stdout (wire/file-record.h), and the numbers it is
 * given. Names longer than a record may carry are -ENAMETOOLONG. */

#include <stdint.h>
#include <sys/stat.h>

#define FILE_E_BROKEN 1 /* a record promised bytes that did not come: nothing more may be said */

/* A file as it is; length bytes of it will follow. Returns 0 or -errno. */
int file_reply_file(const struct stat *st, uint64_t length, const char *name);

/* A file, or with name "" the whole command, that failed. Returns 0 or -errno. */
int file_reply_error(int error, const char *name);

/* A file that is too large: EFBIG and its size. Returns 0 or -errno. */
int file_reply_too_large(const struct stat *st, const char *name);

/* The end of several; error: why there is not more, or 0. Returns 0 or -errno. */
int file_reply_end(int error);

/* The bytes that were promised, from fd. Returns 0 or FILE_E_BROKEN. */
int file_reply_bytes(int fd, uint64_t offset, uint64_t length);

/* A decimal number of digits only, 0…INT64_MAX. Returns 0 or -EINVAL. */
int file_parse_number(const char *text, uint64_t *ret);
