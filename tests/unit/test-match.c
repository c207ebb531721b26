/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "client/match.h"

static void a_pattern_is_split_before_its_first_wildcard(void **state) {
        static const struct {
                const char *pattern;
                const char *directory;
                const char *rest;
        } cases[] = {
                { "*.png",        ".",    "*.png"       },
                { "out/*.png",    "out",  "*.png"       },
                { "a/b/c?/d",     "a/b",  "c?/d"        },
                { "/*.log",       "/",    "*.log"       },
                { "/tmp/x[1-9]*", "/tmp", "x[1-9]*"     },
                { "*/out/*.png",  ".",    "*/out/*.png" },
                { "a//*",         "a/",   "*"           },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                const char *rest;
                _cleanup_free_ char *directory = match_directory(cases[i].pattern, &rest);

                assert_non_null(directory);
                assert_string_equal(directory, cases[i].directory);
                assert_string_equal(rest, cases[i].rest);
        }
}

static void knows_a_pattern_by_its_wildcards(void **state) {
        (void)state;
        assert_true(match_is_pattern("a*"));
        assert_true(match_is_pattern("?"));
        assert_true(match_is_pattern("x[ab]"));
        assert_false(match_is_pattern("a.png"));
        assert_false(match_is_pattern(""));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_pattern_is_split_before_its_first_wildcard),
                cmocka_unit_test(knows_a_pattern_by_its_wildcards),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
