/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "basic/buffer.h"
#include "basic/cleanup.h"

static void gives_bytes_back_in_their_order(void **state) {
        _cleanup_(buffer_done) Buffer b = {};
        unsigned in = 0, out = 0;

        (void)state;
        srandom(1);
        for (size_t round = 0; round < 20000; round++) {
                char piece[700];
                size_t n = (size_t)random() % sizeof(piece);

                if (random() % 2 == 0) {
                        for (size_t i = 0; i < n; i++)
                                piece[i] = (char)in++;
                        assert_int_equal(buffer_append(&b, piece, n), 0);
                } else {
                        n = n < b.size ? n : b.size;
                        for (size_t i = 0; i < n; i++)
                                assert_int_equal(buffer_data(&b)[i], (char)out++);
                        buffer_consume(&b, n);
                }
                assert_int_equal(b.size, in - out);
        }
}

static void an_empty_one_has_data_too(void **state) {
        _cleanup_(buffer_done) Buffer b = {};

        (void)state;
        assert_non_null(buffer_data(&b));
        assert_int_equal(buffer_append(&b, "", 0), 0);
        buffer_consume(&b, 0);
        assert_int_equal(b.size, 0);
}

static void keeps_what_was_there_when_room_is_made(void **state) {
        _cleanup_(buffer_done) Buffer b = {};
        char *room;

        (void)state;
        assert_int_equal(buffer_append(&b, "abc", 3), 0);
        buffer_consume(&b, 1);
        assert_int_equal(buffer_reserve(&b, 100000, &room), 0);
        memset(room, 'z', 100000);
        buffer_commit(&b, 2);
        assert_int_equal(b.size, 4);
        assert_memory_equal(buffer_data(&b), "bczz", 4);
}

static void stays_small_while_a_stream_passes_through(void **state) {
        _cleanup_(buffer_done) Buffer b = {};
        char piece[1000] = {};

        (void)state;
        for (size_t i = 0; i < 100000; i++) {
                assert_int_equal(buffer_append(&b, piece, sizeof(piece)), 0);
                if (b.size > 5000)
                        buffer_consume(&b, sizeof(piece));
        }
        assert_true(b.allocated <= 32 * 1024);
}

static void gives_much_memory_back_when_empty(void **state) {
        _cleanup_(buffer_done) Buffer b = {};
        char *room;

        (void)state;
        assert_int_equal(buffer_reserve(&b, 1 << 20, &room), 0);
        buffer_commit(&b, 1 << 20);
        buffer_consume(&b, 1 << 20);
        assert_int_equal(b.allocated, 0);
}

static void refuses_what_no_memory_can_hold(void **state) {
        _cleanup_(buffer_done) Buffer b = {};
        char *room;

        (void)state;
        assert_int_equal(buffer_append(&b, "abc", 3), 0);
        assert_int_equal(buffer_reserve(&b, SIZE_MAX, &room), -ENOMEM);
        assert_int_equal(buffer_reserve(&b, SIZE_MAX / 2 + 2, &room), -ENOMEM);
        assert_memory_equal(buffer_data(&b), "abc", 3);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(gives_bytes_back_in_their_order),
                cmocka_unit_test(an_empty_one_has_data_too),
                cmocka_unit_test(keeps_what_was_there_when_room_is_made),
                cmocka_unit_test(stays_small_while_a_stream_passes_through),
                cmocka_unit_test(gives_much_memory_back_when_empty),
                cmocka_unit_test(refuses_what_no_memory_can_hold),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
