/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "client/control-name.h"

static void a_name_is_one_harmless_part_of_a_path(void **state) {
        static const char *const good[] = { "a", "box", "A.b_c-9", "0" };
        static const char *const bad[] = { "",    ".",   "..",  ".a", "-a", "_a",
                                           "a/b", "a b", "a\n", "é",  "a:b" };
        char name[64];

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_true(control_name_is_good(good[i]));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(control_name_is_good(bad[i]));
        memset(name, 'x', sizeof(name));
        name[48] = 0;
        assert_true(control_name_is_good(name));
        name[48] = 'x';
        name[49] = 0;
        assert_false(control_name_is_good(name));
}

static void a_socket_is_in_the_users_own_directory_or_nowhere(void **state) {
        _cleanup_free_ char *path = NULL, *none = NULL;

        (void)state;
        assert_int_equal(setenv("XDG_RUNTIME_DIR", "/run/user/7", 1), 0);
        assert_int_equal(control_name_find("box", &path), 0);
        assert_string_equal(path, "/run/user/7/cloche/names/box.sock");
        assert_int_equal(setenv("XDG_RUNTIME_DIR", "relative", 1), 0);
        assert_int_equal(control_name_find("box", &none), -ENXIO);
        assert_int_equal(unsetenv("XDG_RUNTIME_DIR"), 0);
        assert_int_equal(control_name_find("box", &none), -ENXIO);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_name_is_one_harmless_part_of_a_path),
                cmocka_unit_test(a_socket_is_in_the_users_own_directory_or_nowhere),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
