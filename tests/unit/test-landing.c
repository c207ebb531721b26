/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "client/landing.h"

typedef struct Place {
        char path[32];
        int fd;
} Place;

static int set_up(void **state) {
        Place *p = calloc(1, sizeof(*p));

        if (!p)
                return -1;
        (void)stpcpy(p->path, "/tmp/cloche-landing-XXXXXX");
        if (!mkdtemp(p->path))
                return -1;
        p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        *state = p;
        return p->fd < 0 ? -1 : 0;
}

static int tear_down(void **state) {
        static const char *const names[] = { "a", "link", "target" };
        Place *p = *state;
        int r;

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                (void)unlinkat(p->fd, names[i], 0);
        p->fd = close_fd(p->fd);
        r = rmdir(p->path); /* fails if anything else was left */
        free(p);
        return r;
}

static void a_file_is_there_when_it_is_whole_and_not_before(void **state) {
        const Place *p = *state;
        struct stat st;

        for (unsigned i = 0; i < 2; i++) {
                _cleanup_landing_ Landing l = LANDING_NONE;

                assert_int_equal(landing_open(&l, p->fd, "a"), 0);
                assert_int_equal(landing_write(&l, "xyz", i + 1), 0);
                assert_int_equal(fstatat(p->fd, "a", &st, 0), i == 0 ? -1 : 0);
                assert_int_equal(landing_commit(&l, 06755), 0);
                assert_int_equal(fstatat(p->fd, "a", &st, AT_SYMLINK_NOFOLLOW), 0);
                assert_int_equal(st.st_size, i + 1);
                assert_int_equal(st.st_mode & 07777, 0755);
        }
}

static void what_is_given_up_leaves_the_old_file_and_nothing_else(void **state) {
        const Place *p = *state;
        _cleanup_landing_ Landing l = LANDING_NONE;

        struct stat st;

        assert_int_equal(landing_open(&l, p->fd, "a"), 0);
        assert_int_equal(landing_write(&l, "longer", 6), 0);
        landing_done(&l);
        assert_int_equal(fstatat(p->fd, "a", &st, 0), 0);
        assert_int_equal(st.st_size, 2); /* as the test before has left it */
}

static void a_link_made_meanwhile_is_not_followed(void **state) {
        const Place *p = *state;
        _cleanup_landing_ Landing l = LANDING_NONE;

        assert_int_equal(landing_open(&l, p->fd, "link"), 0);
        assert_int_equal(symlinkat("target", p->fd, "link"), 0);
        assert_int_equal(landing_commit(&l, 0644), -ELOOP);
        landing_done(&l);
        assert_int_equal(landing_open(&l, p->fd, "link"), -ELOOP);
        assert_int_equal(faccessat(p->fd, "target", F_OK, 0), -1);
}

static void a_name_is_one_part_of_a_path(void **state) {
        const Place *p = *state;
        Landing l = LANDING_NONE;

        assert_int_equal(landing_open(&l, p->fd, "../a"), -EINVAL);
        assert_int_equal(landing_open(&l, p->fd, "/a"), -EINVAL);
        assert_int_equal(landing_open(&l, p->fd, ".."), -EINVAL);
        assert_int_equal(landing_open(&l, p->fd, ""), -EINVAL);
        assert_string_equal(landing_name_of("a/b/c"), "c");
        assert_string_equal(landing_name_of("c"), "c");
        assert_string_equal(landing_name_of("a/"), "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_file_is_there_when_it_is_whole_and_not_before),
                cmocka_unit_test(what_is_given_up_leaves_the_old_file_and_nothing_else),
                cmocka_unit_test(a_link_made_meanwhile_is_not_followed),
                cmocka_unit_test(a_name_is_one_part_of_a_path),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}
