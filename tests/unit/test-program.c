/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basic/fd.h"
#include "basic/limits.h"
#include "client/program.h"

static void tells_the_profile_by_the_suffix(void **state) {
        (void)state;
        assert_string_equal(program_profile_for("a.py"), "python");
        assert_string_equal(program_profile_for("/x/y.tar.py"), "python");
        assert_string_equal(program_profile_for("a.sh"), "shell");
        assert_string_equal(program_profile_for("a.bash"), "shell");
        assert_null(program_profile_for("a"));
        assert_null(program_profile_for("a.pyc"));
        assert_null(program_profile_for(".py"));
        assert_null(program_profile_for(""));
}

/* A file of this content in *ret_path; the descriptor keeps it there. */
static int new_file(const void *data, size_t size, char ret_path[static 64]) {
        int fd = fd_new_sealed("program", data, size);

        assert_true(fd >= 0);
        (void)snprintf(ret_path, 64, "/proc/self/fd/%d", fd);
        return fd;
}

static void reads_a_file_as_it_is(void **state) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_program_ Program p = { 0 };
        char path[64];

        (void)state;
        fd = new_file("a\0\nb", 4, path);
        assert_int_equal(program_load(path, "given", &p), 0);
        assert_true(p.has_code);
        assert_int_equal(p.code.size, 4);
        assert_memory_equal(buffer_data(&p.code), "a\0\nb", 4);
        assert_string_equal(p.profile, "given");
}

static void refuses_a_file_larger_than_any_request(void **state) {
        _cleanup_free_ char *data = calloc(1, LINE_SIZE_MAX + 1);
        _cleanup_program_ Program p = { 0 };
        char path[64];

        (void)state;
        assert_non_null(data);
        for (int i = 0; i < 2; i++) {
                _cleanup_close_ _unused_ int fd = new_file(data, LINE_SIZE_MAX + (size_t)i, path);

                program_done(&p);
                assert_int_equal(program_load(path, "x", &p), i == 0 ? 0 : -EFBIG);
        }
        assert_false(p.has_code);
}

static void says_why_it_cannot_read(void **state) {
        _cleanup_close_ int fd = -EBADF;
        Program p = { 0 };
        char path[64];

        (void)state;
        fd = new_file("1", 1, path);
        assert_int_equal(program_load(path, NULL, &p), -ENOTSUP);
        assert_int_equal(program_load("/nowhere/a.py", NULL, &p), -ENOENT);
        assert_int_equal(program_load("/nowhere/a", NULL, &p), -ENOENT);
        assert_int_equal(program_load("/", "x", &p), -EISDIR);
        assert_false(p.has_code);
}

static void has_a_profile_for_code_and_one_for_words(void **state) {
        _cleanup_program_ Program code = { 0 };
        Program words = { 0 };

        (void)state;
        assert_int_equal(program_from_code("", NULL, &code), 0);
        assert_string_equal(code.profile, "python");
        assert_true(code.has_code);
        program_from_argv(NULL, 0, NULL, &words);
        assert_string_equal(words.profile, "shell");
        assert_false(words.has_code);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(tells_the_profile_by_the_suffix),
                cmocka_unit_test(reads_a_file_as_it_is),
                cmocka_unit_test(refuses_a_file_larger_than_any_request),
                cmocka_unit_test(says_why_it_cannot_read),
                cmocka_unit_test(has_a_profile_for_code_and_one_for_words),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
