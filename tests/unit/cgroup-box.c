/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <sys/stat.h>

#include "basic/cleanup.h"
#include "cgroup-box.h"

int cgroup_box_set_up(void **state) {
        CgroupBox *b = calloc(1, sizeof(*b));

        assert_non_null(b);
        strcpy(b->path, "/tmp/test-cgroup-XXXXXX");
        assert_non_null(mkdtemp(b->path));
        b->fd = open(b->path, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        assert_true(b->fd >= 0);
        *state = b;
        return 0;
}

static int remove_one(const char *path, const struct stat *st _unused_, int type _unused_,
                      struct FTW *ftw _unused_) {
        return remove(path);
}

int cgroup_box_tear_down(void **state) {
        CgroupBox *b = *state;

        b->fd = close_fd(b->fd);
        assert_int_equal(nftw(b->path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
        free(b);
        return 0;
}

void cgroup_box_make(const CgroupBox *b, const char *name) {
        assert_int_equal(mkdirat(b->fd, name, 0755), 0);
}

void cgroup_box_write(const CgroupBox *b, const char *name, const char *text) {
        _cleanup_close_ int fd =
                openat(b->fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

void cgroup_box_read(const CgroupBox *b, const char *name, char *text, size_t size) {
        _cleanup_close_ int fd = openat(b->fd, name, O_RDONLY | O_CLOEXEC);
        ssize_t n;

        assert_true(fd >= 0);
        n = read(fd, text, size - 1);
        assert_true(n >= 0);
        text[n] = 0;
}
