/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Always base64: input is bytes, and a reader of the wire who wants to see it as text can. One read
 * is one piece, so what is typed at a terminal goes out line by line. */

#include <errno.h>
#include <unistd.h>

#include "basic/base64.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "client/source.h"

#define READ_SIZE (64 * KIB)

void source_init(Source *s, int fd, uint64_t exec) {
        *s = (Source){ .fd = fd, .exec = exec, .is_terminal = fd >= 0 && isatty(fd) };
}

/* Where to note one more request, NULL when there are enough. */
static uint64_t *find_free(Source *s) {
        for (size_t i = 0; i < ARRAY_SIZE(s->outstanding); i++)
                if (s->outstanding[i] == 0)
                        return s->outstanding + i;
        return NULL;
}

bool source_is_wanted(Source *s, bool *ret_again) {
        *ret_again = false;
        if (s->fd < 0 || !find_free(s))
                return false;
        if (s->is_terminal && tcgetpgrp(s->fd) != getpgrp()) {
                /* reading now would stop us: we run in the background */
                *ret_again = true;
                return false;
        }
        return true;
}

int source_dispatch(Source *s, Connection *c, uint64_t id, int *reterr_read) {
        _cleanup_json_ json_object *params = NULL;
        _cleanup_free_ char *text = NULL;
        char data[READ_SIZE];
        size_t size;
        ssize_t n;
        int r;

        *reterr_read = 0;
        n = read(s->fd, data, sizeof(data));
        if (n < 0) {
                if (errno == EINTR || errno == EAGAIN)
                        return 0;
                *reterr_read = -errno;
                n = 0;
        }

        r = base64_encode(data, (size_t)n, &text, NULL);
        if (r < 0)
                return r;
        params = json_object_new_object();
        if (!params)
                return -ENOMEM;
        r = json_set_uint(params, "id", s->exec);
        if (r >= 0)
                r = json_set_string(params, "base64", text);
        if (r >= 0 && n == 0)
                r = json_set_bool(params, "eof", true);
        if (r < 0)
                return r;
        r = connection_request(c, id, "exec.stdin", TAKE_PTR(params), &size);
        if (r < 0)
                return r;
        *find_free(s) = id;
        if (n == 0)
                s->fd = -EBADF;
        return 0;
}

bool source_answered(Source *s, uint64_t id, bool is_error) {
        for (size_t i = 0; i < ARRAY_SIZE(s->outstanding); i++) {
                if (s->outstanding[i] != id)
                        continue;
                s->outstanding[i] = 0;
                if (is_error)
                        s->fd = -EBADF;
                return true;
        }
        return false;
}
