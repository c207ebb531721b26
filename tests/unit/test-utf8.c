/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/utf8.h"

/* The definition, written another way: decode, and compare with the shortest encoding. */
static size_t reference_size(const uint8_t *p, size_t size) {
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t n = p[0] < 0x80       ? 1
                   : p[0] >> 5 == 6  ? 2
                   : p[0] >> 4 == 14 ? 3
                   : p[0] >> 3 == 30 ? 4
                                     : 0;
        uint32_t c;

        if (n <= 1)
                return n;
        c = p[0] & (0x7f >> n);
        for (size_t i = 1; i < n; i++) {
                if (i >= size || p[i] >> 6 != 2)
                        return 0;
                c = c << 6 | (p[i] & 0x3f);
        }
        return c < least[n] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : n;
}

static void agrees_with_the_definition_on_all_beginnings(void **state) {
        (void)state;
        for (unsigned a = 0; a < 256; a++)
                for (unsigned b = 0; b < 256; b++)
                        for (unsigned c = 0x70; c < 0xd0; c += 0x08) {
                                uint8_t p[4] = { (uint8_t)a, (uint8_t)b, (uint8_t)c, 0x80 };

                                if (utf8_character_size((const char *)p, 4) != reference_size(p, 4))
                                        fail_msg("%02x %02x %02x", a, b, c);
                        }
}

static void knows_what_is_only_cut_off(void **state) {
        (void)state;
        assert_int_equal(utf8_character_size("\xf0\x9f\x98", 3), UTF8_INCOMPLETE);
        assert_int_equal(utf8_character_size("\xf0", 1), UTF8_INCOMPLETE);
        assert_int_equal(utf8_character_size("\xf0\x80", 2), 0);
        assert_int_equal(utf8_character_size("\xed\xa0", 2), 0);
        assert_false(utf8_is_valid("a\xc3", 2));
        assert_true(utf8_is_valid("a\xc3\xa9", 3));
        assert_true(utf8_is_valid("a\0b", 3));
        assert_true(utf8_is_valid("", 0));
}

static void finds_the_incomplete_tail(void **state) {
        static const struct {
                const char *text;
                size_t tail;
        } cases[] = {
                { "",                     0 },
                { "abc",                  0 },
                { "a\xc3\xa9",            0 },
                { "a\xc3",                1 },
                { "a\xe2\x82",            2 },
                { "a\xe2",                1 },
                { "\xf0\x9f\x98",         3 },
                { "a\xf0\x9f",            2 },
                { "\xf0\x9f\x98\x80",     0 },
                { "\xf0\x9f\x98\x80\xf0", 1 },
                { "a\xff",                0 },
                { "a\x80\x80",            0 },
                { "\x80\x80\x80\x80",     0 },
                { "\xed\xa0",             0 }, /* would be a surrogate: invalid, not incomplete */
                { "\xc0",                 0 },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                if (utf8_incomplete_tail(cases[i].text, strlen(cases[i].text)) != cases[i].tail)
                        fail_msg("case %zu", i);
}

static void cuts_between_characters(void **state) {
        (void)state;
        assert_int_equal(utf8_cut("abc", 3, 5), 3);
        assert_int_equal(utf8_cut("abc", 3, 2), 2);
        assert_int_equal(utf8_cut("a\xc3\xa9z", 4, 2), 1);
        assert_int_equal(utf8_cut("a\xc3\xa9z", 4, 3), 3);
        assert_int_equal(utf8_cut("\xf0\x9f\x98\x80", 4, 3), 0);
}

static void scrubs_only_what_is_wrong(void **state) {
        char text[] = "a\xc3\xa9 \xff \xe2\x82 \xc3";

        (void)state;
        assert_string_equal(utf8_scrub(text), "a\xc3\xa9 ? ?? ?");
        assert_true(utf8_is_valid(text, strlen(text)));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(agrees_with_the_definition_on_all_beginnings),
                cmocka_unit_test(knows_what_is_only_cut_off),
                cmocka_unit_test(finds_the_incomplete_tail),
                cmocka_unit_test(cuts_between_characters),
                cmocka_unit_test(scrubs_only_what_is_wrong),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
