/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "guest/name-set.h"

static void keeps_the_first_names_in_order(void **state _unused_) {
        static const char *const added[] = { "m", "b", "\xff", "", "b", "a", "z", "ab", "a" };
        static const char *const kept[] = { "", "a", "ab", "b", "m", "z", "\xff" };

        for (size_t max = 1; max <= 9; max++) {
                size_t n = max < ARRAY_SIZE(kept) ? max : ARRAY_SIZE(kept);
                NameSet s;

                assert_int_equal(name_set_init(&s, max), 0);
                for (size_t i = 0; i < ARRAY_SIZE(added); i++)
                        assert_int_equal(name_set_add(&s, added[i]), 0);
                assert_int_equal(s.n, n);
                for (size_t i = 0; i < n; i++)
                        assert_string_equal(s.names[i], kept[i]);
                assert_int_equal(s.has_more, max < ARRAY_SIZE(kept));
                name_set_done(&s);
                name_set_done(&s);
        }
}

static void knows_what_would_still_have_a_place(void **state _unused_) {
        NameSet s;

        assert_int_equal(name_set_init(&s, 2), 0);
        assert_true(name_set_has_room(&s, "x"));
        assert_int_equal(name_set_add(&s, "b"), 0);
        assert_true(name_set_has_room(&s, "x"));
        assert_int_equal(name_set_add(&s, "d"), 0);
        assert_true(name_set_has_room(&s, "c"));
        assert_false(name_set_has_room(&s, "d"));
        assert_false(name_set_has_room(&s, "x"));
        assert_false(s.has_more);
        name_set_done(&s);
}

static void sorts_many_that_come_in_any_order(void **state _unused_) {
        NameSet s;

        assert_int_equal(name_set_init(&s, 1000), 0);
        for (unsigned i = 0; i < 20000; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "%05u", i * 7919 % 20000);
                assert_int_equal(name_set_add(&s, name), 0);
        }
        assert_int_equal(s.n, 1000);
        assert_true(s.has_more);
        for (unsigned i = 0; i < 1000; i++) {
                char name[16];

                (void)snprintf(name, sizeof(name), "%05u", i);
                assert_string_equal(s.names[i], name);
        }
        name_set_done(&s);
}

static void has_a_size_within_bounds(void **state _unused_) {
        NameSet s;

        assert_int_equal(name_set_init(&s, 0), -EINVAL);
        assert_int_equal(name_set_init(&s, NAME_SET_MAX + 1), -EINVAL);
        assert_int_equal(name_set_init(&s, SIZE_MAX), -EINVAL);
        assert_int_equal(name_set_init(&s, NAME_SET_MAX), 0);
        name_set_done(&s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(keeps_the_first_names_in_order),
                cmocka_unit_test(knows_what_would_still_have_a_place),
                cmocka_unit_test(sorts_many_that_come_in_any_order),
                cmocka_unit_test(has_a_size_within_bounds),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
