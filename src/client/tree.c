/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What both directions share. They are different in whom they trust: what lies here is our own user's,
 * and a listing is a sandbox's. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "client/tree.h"

int tree_judge(int error) {
        switch (-error) {
        case EINTR:
        case ECONNRESET:
        case EPIPE:
        case EBADMSG:
        case ENOMEM:
                return error;
        default:
                return 0;
        }
}

char *tree_join(const char *directory, const char *name) {
        size_t n = strlen(directory);
        char *path;

        if (asprintf(&path, "%s%s%s", directory, n == 0 || directory[n - 1] == '/' ? "" : "/",
                     name) < 0)
                return NULL;
        return path;
}
