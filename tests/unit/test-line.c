/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "wire/line.h"

static void feed(LineReader *l, const char *data, size_t size) {
        assert_int_equal(line_reader_add(l, data, size), 0);
}

static void expect(LineReader *l, const char *text) {
        const char *line;
        size_t size;

        assert_int_equal(line_reader_next(l, &line, &size), LINE_WHOLE);
        assert_int_equal(size, strlen(text));
        assert_memory_equal(line, text, size);
}

static void expect_none(LineReader *l) {
        const char *line;
        size_t size;

        assert_int_equal(line_reader_next(l, &line, &size), LINE_NONE);
}

static void finds_lines_however_they_are_cut(void **state) {
        static const char stream[] = "one\n\ntwo words\n\r\nlast";
        size_t size = strlen(stream);

        (void)state;
        for (size_t step = 1; step <= size; step++) {
                static const char *const lines[] = { "one", "", "two words", "\r" };
                _cleanup_(line_reader_done) LineReader l = {};
                size_t n = 0;

                for (size_t i = 0; i < size; i += step) {
                        const char *line;
                        size_t length;

                        feed(&l, stream + i, size - i < step ? size - i : step);
                        while (line_reader_next(&l, &line, &length) == LINE_WHOLE) {
                                assert_true(n < ARRAY_SIZE(lines));
                                assert_int_equal(length, strlen(lines[n]));
                                assert_memory_equal(line, lines[n], length);
                                n++;
                        }
                }
                assert_int_equal(n, ARRAY_SIZE(lines));
                assert_true(line_reader_is_inside(&l));
        }
}

static void knows_whether_a_line_has_begun(void **state) {
        _cleanup_(line_reader_done) LineReader l = {};

        (void)state;
        assert_false(line_reader_is_inside(&l));
        expect_none(&l);
        feed(&l, "a", 1);
        assert_true(line_reader_is_inside(&l));
        feed(&l, "\n", 1);
        expect(&l, "a");
        assert_false(line_reader_is_inside(&l));
        feed(&l, "b\nc", 3);
        expect(&l, "b");
        assert_true(line_reader_is_inside(&l));
        expect_none(&l);
}

/* A line of size bytes, in pieces of 64 KiB, then a newline; what the reader says at its end. */
static LineFound feed_long(LineReader *l, size_t size, bool newline) {
        static char piece[64 * 1024];
        const char *line;
        size_t length;

        memset(piece, 'x', sizeof(piece));
        while (size > 0) {
                size_t n = size < sizeof(piece) ? size : sizeof(piece);
                LineFound found;

                feed(l, piece, n);
                size -= n;
                found = line_reader_next(l, &line, &length);
                if (found != LINE_NONE)
                        return found;
        }
        if (!newline)
                return LINE_NONE;
        feed(l, "\n", 1);
        return line_reader_next(l, &line, &length);
}

static void takes_a_line_of_exactly_the_limit(void **state) {
        _cleanup_(line_reader_done) LineReader l = {};

        (void)state;
        assert_int_equal(feed_long(&l, LINE_SIZE_MAX, true), LINE_WHOLE);
        feed(&l, "next\n", 5);
        expect(&l, "next");
}

static void refuses_a_line_of_one_byte_more(void **state) {
        _cleanup_(line_reader_done) LineReader a = {}, b = {};

        (void)state;
        assert_int_equal(feed_long(&a, LINE_SIZE_MAX + 1, true), LINE_TOO_LONG);
        /* without waiting for its newline */
        assert_int_equal(feed_long(&b, LINE_SIZE_MAX + 1, false), LINE_TOO_LONG);
}

static void a_long_line_in_one_piece_is_refused_too(void **state) {
        static char text[LINE_SIZE_MAX + 3];
        _cleanup_(line_reader_done) LineReader l = {};
        const char *line;
        size_t size;

        (void)state;
        memset(text, 'x', sizeof(text));
        text[LINE_SIZE_MAX + 1] = '\n';
        feed(&l, text, sizeof(text));
        assert_int_equal(line_reader_next(&l, &line, &size), LINE_TOO_LONG);
        assert_int_equal(line_reader_next(&l, &line, &size), LINE_TOO_LONG);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(finds_lines_however_they_are_cut),
                cmocka_unit_test(knows_whether_a_line_has_begun),
                cmocka_unit_test(takes_a_line_of_exactly_the_limit),
                cmocka_unit_test(refuses_a_line_of_one_byte_more),
                cmocka_unit_test(a_long_line_in_one_piece_is_refused_too),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
