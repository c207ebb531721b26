/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "basic/cleanup.h"
#include "basic/id.h"

static void makes_ids_that_differ(void **state _unused_) {
        char ids[64][ID_SIZE];

        for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
                assert_int_equal(id_new(ids[i]), 0);
                assert_int_equal(strlen(ids[i]), 32);
                assert_true(id_is_valid(ids[i]));
                for (size_t j = 0; j < i; j++)
                        assert_string_not_equal(ids[i], ids[j]);
        }
}

/* That a digit is missing at some place after 512 ids happens once in a trillion runs. */
static void uses_every_digit_at_every_place(void **state _unused_) {
        unsigned seen[32] = {};

        for (size_t i = 0; i < 512; i++) {
                char id[ID_SIZE];

                assert_int_equal(id_new(id), 0);
                for (size_t j = 0; j < 32; j++)
                        seen[j] |= 1U << (strchr("0123456789abcdef", id[j]) - "0123456789abcdef");
        }
        for (size_t j = 0; j < 32; j++)
                assert_int_equal(seen[j], 0xffff);
}

static void knows_what_is_an_id(void **state _unused_) {
        static const char *const bad[] = {
                "",
                "0123456789abcdef0123456789abcde",   /* 31 */
                "0123456789abcdef0123456789abcdef0", /* 33 */
                "0123456789ABCDEF0123456789abcdef",
                "0123456789abcdef0123456789abcdeg",
                "0123456789abcdef 123456789abcdef",
                "../../../../../../../../../../..",
        };

        assert_true(id_is_valid("0123456789abcdef0123456789abcdef"));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(id_is_valid(bad[i]));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(makes_ids_that_differ),
                cmocka_unit_test(uses_every_digit_at_every_place),
                cmocka_unit_test(knows_what_is_an_id),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
