/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A part of a file: from beyond its end there are no bytes, and that is no error. */

#include <fcntl.h>

#include "basic/cleanup.h"
#include "guest/file-get.h"
#include "guest/file-regular.h"
#include "guest/file-reply.h"

int file_get_run(int argc _unused_, char **argv) {
        _cleanup_close_ int fd = -EBADF;
        uint64_t offset, length, size;
        struct stat st;
        int r;

        r = file_parse_number(argv[1], &offset);
        if (r < 0)
                return r;
        r = file_parse_number(argv[2], &length);
        if (r < 0)
                return r;
        fd = file_regular_open(argv[0], O_RDONLY, &st);
        if (fd < 0)
                return fd;

        size = (uint64_t)st.st_size;
        if (offset > size)
                offset = size;
        if (length > size - offset)
                length = size - offset;
        r = file_reply_file(&st, length, "");
        return r < 0 ? FILE_E_BROKEN : file_reply_bytes(fd, offset, length);
}
