/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/buffer.h"
#include "basic/cleanup.h"
#include "basic/limits.h"
#include "handler/output.h"

static void pieces_end_between_characters(void **state) {
        static const struct {
                const char *data;
                size_t size;
                bool at_end;
                size_t cut;
                bool is_text;
        } cases[] = {
                { "abc",              3, false, 3, true  },
                { "",                 0, false, 0, true  },
                { "a\xc3\xa9",        3, false, 3, true  },
                { "a\xc3",            2, false, 1, true  }, /* the rest may come */
                { "a\xc3",            2, true,  1, true  }, /* it will not: the rest is bytes */
                { "\xc3",             1, false, 0, true  },
                { "\xc3",             1, true,  1, false },
                { "\xf0\x9f\x98",     3, false, 0, true  },
                { "a\xff",            2, false, 2, false },
                { "\xff\xc3",         2, false, 2, false },
                { "a\0b",             3, false, 3, false }, /* JSON readers choke on NUL */
                { "\xed\xa0\x80",     3, false, 3, false },
                { "\xc3\xa9\xc3\xa9", 4, true,  4, true  },
        };

        (void)state;
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                bool is_text = false;
                size_t n =
                        output_cut_piece(cases[i].data, cases[i].size, cases[i].at_end, &is_text);

                if (n != cases[i].cut || (n > 0 && is_text != cases[i].is_text))
                        fail_msg("case %zu: %zu, %d", i, n, is_text);
        }
}

/* What an output is told to do, and what came of it. */
typedef struct Sink {
        sd_event *event;
        Output *output;
        int program_fd;
        Buffer data;
        size_t n_text;
        size_t n_bytes;
        size_t limit;
        bool may_read;
        bool ended;
} Sink;

static bool may_read(void *userdata) {
        return ((Sink *)userdata)->may_read;
}

static size_t on_read(size_t size, void *userdata) {
        Sink *s = userdata;

        size = size < s->limit ? size : s->limit;
        s->limit -= size;
        return size;
}

static void on_piece(const char *data, size_t size, bool is_text, void *userdata) {
        Sink *s = userdata;

        assert_true(size >= 1 && size <= OUTPUT_CHUNK_MAX);
        assert_int_equal(buffer_append(&s->data, data, size), 0);
        *(is_text ? &s->n_text : &s->n_bytes) += 1;
}

static void on_end(void *userdata) {
        Sink *s = userdata;

        assert_false(s->ended);
        s->ended = true;
}

static const OutputEvents events = { may_read, on_read, on_piece, on_end };

static int set_up(void **state) {
        Sink *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        s->limit = SIZE_MAX;
        s->may_read = true;
        assert_int_equal(sd_event_new(&s->event), 0);
        assert_int_equal(output_new(&s->output, s->event, &events, s, &s->program_fd), 0);
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        Sink *s = *state;

        output_free(s->output);
        close_fd(s->program_fd);
        buffer_done(&s->data);
        sd_event_unref(s->event);
        free(s);
        return 0;
}

static void turn(Sink *s) {
        while (sd_event_run(s->event, 0) > 0)
                ;
}

static void put(Sink *s, const char *data, size_t size) {
        assert_int_equal(write(s->program_fd, data, size), size);
        turn(s);
}

static void passes_text_and_bytes_on(void **state) {
        Sink *s = *state;

        put(s, "a\xc3", 2);
        put(s, "\xa9", 1);
        put(s, "\xff\xfe", 2);
        assert_false(s->ended);
        s->program_fd = close_fd(s->program_fd);
        turn(s);
        assert_true(s->ended);
        assert_true(output_is_ended(s->output));
        assert_int_equal(s->data.size, 5);
        assert_memory_equal(buffer_data(&s->data), "a\xc3\xa9\xff\xfe", 5);
        assert_int_equal(s->n_text, 2);
        assert_int_equal(s->n_bytes, 1);
}

static void a_character_without_its_end_comes_as_bytes(void **state) {
        Sink *s = *state;

        put(s, "\xe2\x82", 2);
        assert_int_equal(s->data.size, 0);
        s->program_fd = close_fd(s->program_fd);
        turn(s);
        assert_int_equal(s->data.size, 2);
        assert_int_equal(s->n_bytes, 1);
}

static void reads_nothing_while_it_may_not(void **state) {
        Sink *s = *state;
        char block[4096] = {};
        size_t n = 0;

        s->may_read = false;
        assert_int_equal(fcntl(s->program_fd, F_SETFL, O_NONBLOCK), 0);
        while (write(s->program_fd, block, sizeof(block)) > 0)
                n++;
        turn(s);
        assert_int_equal(s->data.size, 0);
        assert_int_equal(write(s->program_fd, block, sizeof(block)), -1);

        s->may_read = true;
        output_resume(s->output);
        turn(s);
        assert_int_equal(s->data.size, n * sizeof(block));
}

static void passes_on_exactly_what_is_allowed(void **state) {
        Sink *s = *state;

        s->limit = 4;
        put(s, "abc", 3);
        assert_false(s->ended);
        put(s, "defgh", 5);
        assert_true(s->ended);
        assert_int_equal(s->data.size, 4);
        assert_memory_equal(buffer_data(&s->data), "abcd", 4);
        /* nobody reads any more */
        assert_int_equal(write(s->program_fd, "x", 1), -1);
        assert_int_equal(errno, EPIPE);
}

static void the_programs_end_blocks_and_others_may_open_it(void **state) {
        Sink *s = *state;
        _cleanup_close_ int again = -EBADF;
        struct stat st;
        char path[64];

        assert_int_equal(fcntl(s->program_fd, F_GETFL) & O_NONBLOCK, 0);
        assert_int_equal(fstat(s->program_fd, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0622);
        (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", s->program_fd);
        again = open(path, O_WRONLY | O_CLOEXEC);
        assert_true(again >= 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(pieces_end_between_characters),
                cmocka_unit_test_setup_teardown(passes_text_and_bytes_on, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_character_without_its_end_comes_as_bytes, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(reads_nothing_while_it_may_not, set_up, tear_down),
                cmocka_unit_test_setup_teardown(passes_on_exactly_what_is_allowed, set_up,
                                                tear_down),
                cmocka_unit_test_setup_teardown(the_programs_end_blocks_and_others_may_open_it,
                                                set_up, tear_down),
        };

        (void)sigaction(SIGPIPE, &(const struct sigaction){ .sa_handler = SIG_IGN }, NULL);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
