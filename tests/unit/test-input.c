/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "handler/input.h"

typedef struct Source {
        sd_event *event;
        Input *input;
        int program_fd;
        size_t n_room; /* calls of on_room */
        size_t total;
} Source;

static void on_room(void *userdata) {
        ((Source *)userdata)->n_room++;
}

static int set_up(void **state) {
        Source *s = calloc(1, sizeof(*s));

        assert_non_null(s);
        s->program_fd = -EBADF;
        assert_int_equal(sd_event_new(&s->event), 0);
        assert_int_equal(input_new(&s->input, s->event, &s->total, on_room, s), 0);
        *state = s;
        return 0;
}

static int tear_down(void **state) {
        Source *s = *state;

        input_free(s->input);
        close_fd(s->program_fd);
        sd_event_unref(s->event);
        free(s);
        return 0;
}

static void turn(Source *s) {
        while (sd_event_run(s->event, 0) > 0)
                ;
}

static void expect(Source *s, const char *text) {
        char data[100];

        turn(s);
        assert_int_equal(read(s->program_fd, data, sizeof(data)), strlen(text));
        assert_memory_equal(data, text, strlen(text));
}

static void what_came_before_the_program_waits_for_it(void **state) {
        Source *s = *state;

        assert_int_equal(input_add(s->input, "one ", 4), 0);
        assert_int_equal(input_add(s->input, "two", 3), 0);
        assert_int_equal(input_finish(s->input), 0);
        assert_int_equal(input_open(s->input, &s->program_fd), 0);
        expect(s, "one two");
        expect(s, ""); /* the end */
}

static void more_can_come_until_the_end(void **state) {
        Source *s = *state;

        assert_int_equal(input_open(s->input, &s->program_fd), 0);
        assert_int_equal(input_add(s->input, "a", 1), 0);
        expect(s, "a");
        assert_int_equal(input_add(s->input, "b", 1), 0);
        assert_int_equal(input_finish(s->input), 0);
        assert_int_equal(input_add(s->input, "c", 1), INPUT_E_CLOSED);
        expect(s, "b");
        expect(s, "");
}

static void an_empty_input_ends_at_once(void **state) {
        Source *s = *state;

        assert_int_equal(input_finish(s->input), 0);
        assert_int_equal(input_open(s->input, &s->program_fd), 0);
        expect(s, "");
}

static void refuses_what_is_too_much_whole(void **state) {
        _cleanup_free_ char *much = calloc(1, STDIN_BUFFER_MAX);
        Source *s = *state;

        assert_int_equal(input_add(s->input, much, STDIN_BUFFER_MAX - 1), 0);
        assert_int_equal(input_add(s->input, "ab", 2), INPUT_E_FULL);
        assert_int_equal(input_add(s->input, "a", 1), 0);
        assert_int_equal(input_add(s->input, "b", 1), INPUT_E_FULL);
        assert_false(input_has_room(s->input));
}

static void all_inputs_together_have_a_bound(void **state) {
        _cleanup_free_ char *much = calloc(1, STDIN_BUFFER_MAX);
        Input *others[STDIN_BUFFERS_MAX / STDIN_BUFFER_MAX];
        Source *s = *state;

        for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
                assert_int_equal(input_new(&others[i], s->event, &s->total, on_room, s), 0);
                assert_int_equal(input_add(others[i], much, STDIN_BUFFER_MAX), 0);
        }
        assert_int_equal(input_add(s->input, "a", 1), INPUT_E_FULL);
        input_close(others[0]);
        assert_int_equal(input_add(s->input, much, STDIN_BUFFER_MAX), 0);
        for (size_t i = 0; i < ARRAY_SIZE(others); i++)
                input_free(others[i]);
        assert_int_equal(s->total, STDIN_BUFFER_MAX);
}

static void says_once_that_there_is_room_again(void **state) {
        _cleanup_free_ char *much = calloc(1, STDIN_BUFFER_MAX);
        Source *s = *state;
        size_t n = 0;

        assert_int_equal(input_add(s->input, much, STDIN_BUFFER_MAX), 0);
        assert_int_equal(input_open(s->input, &s->program_fd), 0);
        while (n < STDIN_BUFFER_MAX) {
                ssize_t m;

                turn(s);
                m = read(s->program_fd, much, STDIN_BUFFER_MAX);
                assert_true(m > 0);
                n += (size_t)m;
        }
        turn(s);
        assert_int_equal(s->n_room, 1);
        assert_true(input_has_room(s->input));
        assert_false(input_is_closed(s->input));
}

static void a_program_that_closes_its_input_is_noticed(void **state) {
        Source *s = *state;

        assert_int_equal(input_open(s->input, &s->program_fd), 0);
        turn(s);
        assert_false(input_is_closed(s->input));
        s->program_fd = close_fd(s->program_fd);
        turn(s);
        assert_true(input_is_closed(s->input));
        assert_int_equal(s->n_room, 1);
        assert_int_equal(input_add(s->input, "a", 1), INPUT_E_CLOSED);
}

static void the_programs_end_blocks(void **state) {
        Source *s = *state;

        assert_int_equal(input_open(s->input, &s->program_fd), 0);
        assert_int_equal(fcntl(s->program_fd, F_GETFL) & O_NONBLOCK, 0);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(what_came_before_the_program_waits_for_it),
                TEST(more_can_come_until_the_end),
                TEST(an_empty_input_ends_at_once),
                TEST(refuses_what_is_too_much_whole),
                TEST(all_inputs_together_have_a_bound),
                TEST(says_once_that_there_is_room_again),
                TEST(a_program_that_closes_its_input_is_noticed),
                TEST(the_programs_end_blocks),
        };

        (void)sigaction(SIGPIPE, &(const struct sigaction){ .sa_handler = SIG_IGN }, NULL);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
