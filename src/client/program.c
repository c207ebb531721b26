/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Code without a name is Python, because that is what people try first; words are a command, which
 * any image can run but the one made for commands has the most of. */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>

#include "basic/buffer.h"
#include "basic/limits.h"
#include "client/program.h"

#define PROFILE_FOR_CODE "python"
#define PROFILE_FOR_ARGV "shell"
#define READ_SIZE        (64 * KIB)

static const struct {
        const char *suffix;
        const char *profile;
} suffixes[] = {
        { ".py",   "python" },
        { ".sh",   "shell"  },
        { ".bash", "shell"  },
};

void program_done(Program *p) {
        buffer_done(&p->code);
        *p = (Program){ 0 };
}

const char *program_profile_for(const char *file) {
        size_t length = strlen(file);

        for (size_t i = 0; i < ARRAY_SIZE(suffixes); i++) {
                size_t n = strlen(suffixes[i].suffix);

                if (length > n && strcmp(file + length - n, suffixes[i].suffix) == 0)
                        return suffixes[i].profile;
        }
        return NULL;
}

int program_from_code(const char *code, const char *profile, Program *ret) {
        Program p = { .has_code = true, .profile = profile ? profile : PROFILE_FOR_CODE };
        int r;

        r = buffer_append(&p.code, code, strlen(code));
        if (r < 0)
                return r;
        *ret = p;
        return 0;
}

void program_from_argv(char *const *argv, size_t n, const char *profile, Program *ret) {
        *ret = (Program){
                .argv = argv,
                .n_argv = n,
                .profile = profile ? profile : PROFILE_FOR_ARGV,
        };
}

static int read_all(int fd, Buffer *b) {
        for (;;) {
                char *room;
                ssize_t n;
                int r;

                r = buffer_reserve(b, READ_SIZE, &room);
                if (r < 0)
                        return r;
                n = read(fd, room, READ_SIZE);
                if (n < 0) {
                        if (errno == EINTR)
                                continue;
                        return -errno;
                }
                if (n == 0)
                        return 0;
                buffer_commit(b, (size_t)n);
                if (b->size > LINE_SIZE_MAX)
                        return -EFBIG;
        }
}

int program_load(const char *file, const char *profile, Program *ret) {
        _cleanup_program_ Program p = { .has_code = true };
        bool is_stdin = strcmp(file, "-") == 0;
        _cleanup_close_ int fd = -EBADF;
        int r;

        if (!is_stdin) {
                fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
                if (fd < 0)
                        return -errno;
        }
        /* after open(): that a file is missing is the better thing to say */
        if (!profile)
                profile = is_stdin ? PROFILE_FOR_CODE : program_profile_for(file);
        if (!profile)
                return -ENOTSUP;
        r = read_all(is_stdin ? STDIN_FILENO : fd, &p.code);
        if (r < 0)
                return r;
        p.profile = profile;
        *ret = TAKE_GENERIC(p, ((Program){ 0 }));
        return 0;
}
