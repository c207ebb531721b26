/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/limits.h"
#include "handler/guest.h"
#include "wire/payload.h"

/* The other end of the channel, and what the host's side made of it. */
typedef struct World {
        sd_event *event;
        Guest *guest;
        int fd;
        size_t n_ready;
        size_t n_child;
        pid_t child;
        size_t n_written;
        int written;
        size_t n_exited;
        GuestExited exited;
        size_t n_fault;
        GuestFault fault;
} World;

static void on_ready(void *userdata) {
        ((World *)userdata)->n_ready++;
}

static void on_child(pid_t pid, void *userdata) {
        World *w = userdata;

        w->n_child++;
        w->child = pid;
}

static void on_exited(const GuestExited *exited, void *userdata) {
        World *w = userdata;

        w->n_exited++;
        w->exited = *exited;
}

static void on_fault(GuestFault fault, void *userdata) {
        World *w = userdata;

        w->n_fault++;
        w->fault = fault;
}

static void on_written(int error, void *userdata) {
        World *w = userdata;

        w->n_written++;
        w->written = error;
}

static const GuestEvents events = { on_ready, on_fault };
static const GuestProgramEvents program_events = { on_child, on_written, on_exited };

static int set_up(void **state) {
        World *w = calloc(1, sizeof(*w));
        int fds[2];

        assert_non_null(w);
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
        w->fd = fds[0];
        assert_int_equal(sd_event_new(&w->event), 0);
        assert_int_equal(guest_new(&w->guest, w->event, fds[1], &events, w), 0);
        *state = w;
        return 0;
}

static int tear_down(void **state) {
        World *w = *state;

        guest_free(w->guest);
        close_fd(w->fd);
        sd_event_unref(w->event);
        free(w);
        return 0;
}

static void turn(World *w) {
        while (sd_event_run(w->event, 0) > 0)
                ;
}

static void say(World *w, const void *data, size_t size) {
        assert_int_equal(fd_send(w->fd, data, size, NULL, 0), 0);
        turn(w);
}

static void say_ready(World *w) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_READY, 0);
        say(w, &f.ready, sizeof(f.ready));
}

static GuestFrame exited(uint32_t exec) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_EXITED, exec);
        f.exited.kind = GUEST_EXIT_EXITED;
        f.exited.value = 3;
        return f;
}

static void say_exited(World *w, uint32_t exec) {
        GuestFrame f = exited(exec);

        say(w, &f.exited, sizeof(f.exited));
}

static int try_start(World *w, uint32_t exec) {
        const GuestStart s = { .n_argv = 1, .strings_size = 2 };
        int fds[4] = { 0, 0, 1, 2 };

        return guest_start(w->guest, exec, &s, fds, &program_events, w);
}

static uint32_t start(World *w) {
        uint32_t exec = guest_new_exec(w->guest);

        assert_int_equal(try_start(w, exec), 0);
        return exec;
}

static void say_child(World *w, uint32_t exec) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_CHILD, exec);
        say(w, &f.plain, sizeof(f.plain));
}

/* What the guest receives next. */
static GuestFrame hear(World *w, size_t n_expected) {
        char data[GUEST_FRAME_SIZE_MAX];
        GuestFrame f = {};
        size_t n_fds;
        int fds[4];
        ssize_t n;

        n = fd_receive(w->fd, data, sizeof(data), fds, 4, &n_fds);
        assert_true(n > 0);
        assert_int_equal(n_fds, n_expected);
        for (size_t i = 0; i < n_fds; i++)
                close_fd(fds[i]);
        assert_int_equal(guest_frame_parse(data, (size_t)n, GUEST_FROM_HOST, &f), 0);
        return f;
}

static void expect_fault(World *w, GuestFault fault) {
        turn(w);
        assert_int_equal(w->n_fault, 1);
        assert_int_equal(w->fault, fault);
        /* whatever else it says is not heard */
        (void)fd_send(w->fd, "x", 1, NULL, 0);
        say_ready(w);
        assert_int_equal(w->n_fault, 1);
}

static void the_ordinary_course(void **state) {
        World *w = *state;
        uint32_t exec;
        GuestFrame f;

        say_ready(w);
        assert_int_equal(w->n_ready, 1);
        exec = start(w);
        f = hear(w, 4);
        assert_int_equal(f.header.type, GUEST_FRAME_START);
        assert_int_equal(f.header.exec, exec);
        say_child(w, exec);
        assert_int_equal(w->n_child, 1);
        assert_int_equal(w->child, getpid()); /* the kernel's word */
        guest_go(w->guest, exec);
        f = hear(w, 0);
        assert_int_equal(f.header.type, GUEST_FRAME_GO);
        assert_int_equal(guest_signal(w->guest, exec, 15, true), 0);
        f = hear(w, 0);
        assert_int_equal(f.signal.signo, 15);
        assert_int_equal(guest_resize(w->guest, exec, 50, 132), 0);
        f = hear(w, 0);
        assert_int_equal(f.resize.columns, 132);
        say_exited(w, exec);
        assert_int_equal(w->n_exited, 1);
        assert_int_equal(w->exited.value, 3);
        assert_int_equal(w->n_fault, 0);
}

static int give_code(World *w, uint32_t exec) {
        _cleanup_close_ int fd = -EBADF;
        GuestFrame f;

        fd = payload_pack_code("print(1)", exec, &f);
        assert_true(fd >= 0);
        return guest_give_code(w->guest, &f, fd);
}

static void say_written(World *w, uint32_t exec, uint32_t error) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_WRITTEN, exec);
        f.written.error = error;
        say(w, &f.written, sizeof(f.written));
}

static void code_that_comes_later_is_answered_once(void **state) {
        World *w = *state;
        uint32_t exec;
        GuestFrame f;

        say_ready(w);
        exec = start(w);
        (void)hear(w, 4);
        assert_int_equal(give_code(w, exec), -ESRCH); /* it was not let go */
        say_child(w, exec);
        guest_go(w->guest, exec);
        (void)hear(w, 0);
        assert_int_equal(give_code(w, exec + 1), -ESRCH);
        assert_int_equal(give_code(w, exec), 0);
        f = hear(w, 1);
        assert_int_equal(f.header.type, GUEST_FRAME_CODE);
        assert_int_equal(f.header.exec, exec);
        assert_int_equal(f.code.code_size, 8);
        say_written(w, exec, ENOSPC);
        assert_int_equal(w->n_written, 1);
        assert_int_equal(w->written, ENOSPC);
        say_written(w, exec, 0);
        assert_int_equal(w->n_written, 1);
        expect_fault(w, GUEST_FAULT_PROTOCOL);
}

static void two_that_others_have_started_are_taken_over(void **state) {
        World *w = *state;

        guest_set_ready(w->guest);
        guest_adopt(w->guest, 1, NULL, NULL);
        guest_adopt(w->guest, 2, &program_events, w);
        assert_int_equal(guest_new_exec(w->guest), 3);
        say_exited(w, 1);
        assert_int_equal(w->n_exited, 0);
        assert_int_equal(give_code(w, 2), 0);
        say_exited(w, 2);
        assert_int_equal(w->n_exited, 1);
        assert_int_equal(w->n_fault, 0);
}

static void nothing_is_started_before_it_is_ready(void **state) {
        World *w = *state;

        assert_int_equal(try_start(w, guest_new_exec(w->guest)), -EBUSY);
}

static void as_many_run_as_may_and_each_ends_for_itself(void **state) {
        uint32_t execs[GUEST_EXECS_MAX];
        World *w = *state;

        say_ready(w);
        for (size_t i = 0; i < GUEST_EXECS_MAX; i++) {
                execs[i] = start(w);
                (void)hear(w, 4);
        }
        assert_int_equal(try_start(w, guest_new_exec(w->guest)), -EBUSY);
        say_exited(w, execs[7]);
        assert_int_equal(w->n_exited, 1);
        (void)start(w);
        assert_int_equal(try_start(w, guest_new_exec(w->guest)), -EBUSY);
}

static void nobody_hears_of_one_that_is_forgotten_but_it_ends_only_once(void **state) {
        World *w = *state;
        uint32_t exec;

        say_ready(w);
        exec = start(w);
        guest_forget(w->guest, exec);
        say_child(w, exec);
        say_exited(w, exec);
        assert_int_equal(w->n_child, 0);
        assert_int_equal(w->n_exited, 0);
        assert_int_equal(w->n_fault, 0);
        say_exited(w, exec);
        expect_fault(w, GUEST_FAULT_PROTOCOL);
}

static void go_is_sent_once_and_only_to_a_child(void **state) {
        World *w = *state;
        char byte;
        uint32_t exec;

        say_ready(w);
        exec = start(w);
        (void)hear(w, 4);
        guest_go(w->guest, exec);
        assert_int_equal(recv(w->fd, &byte, 1, MSG_DONTWAIT), -1);
        say_child(w, exec);
        guest_go(w->guest, exec);
        guest_go(w->guest, exec);
        assert_int_equal(hear(w, 0).header.type, GUEST_FRAME_GO);
        assert_int_equal(recv(w->fd, &byte, 1, MSG_DONTWAIT), -1);
}

static void go_waits_for_a_guest_that_has_no_room(void **state) {
        World *w = *state;
        uint32_t exec;
        GuestFrame f = {};

        say_ready(w);
        exec = start(w);
        say_child(w, exec);
        while (guest_signal(w->guest, exec, 15, true) == 0)
                ;
        assert_int_equal(guest_signal(w->guest, exec, 15, true), -EAGAIN);
        guest_go(w->guest, exec);
        (void)hear(w, 4);
        for (size_t n = 0; n < 10000 && f.header.type != GUEST_FRAME_GO; n++) {
                f = hear(w, 0);
                turn(w);
        }
        assert_int_equal(f.header.type, GUEST_FRAME_GO);
}

static void a_second_child_is_a_fault(void **state) {
        World *w = *state;
        uint32_t exec;

        say_ready(w);
        exec = start(w);
        say_child(w, exec);
        say_child(w, exec);
        expect_fault(w, GUEST_FAULT_PROTOCOL);
        assert_int_equal(w->n_child, 1);
}

static void a_child_of_something_else_is_a_fault(void **state) {
        World *w = *state;

        say_ready(w);
        say_child(w, start(w) + 1);
        expect_fault(w, GUEST_FAULT_PROTOCOL);
}

static void a_second_ready_is_a_fault(void **state) {
        World *w = *state;

        say_ready(w);
        say_ready(w);
        expect_fault(w, GUEST_FAULT_PROTOCOL);
        assert_int_equal(w->n_ready, 1);
}

static void an_end_before_the_start_is_a_fault(void **state) {
        World *w = *state;

        say_ready(w);
        say_exited(w, guest_new_exec(w->guest));
        expect_fault(w, GUEST_FAULT_PROTOCOL);
        assert_int_equal(w->n_exited, 0);
}

static void an_end_of_something_else_is_a_fault(void **state) {
        World *w = *state;

        say_ready(w);
        say_exited(w, start(w) + 1);
        expect_fault(w, GUEST_FAULT_PROTOCOL);
}

static void a_second_end_is_a_fault(void **state) {
        World *w = *state;
        uint32_t exec;

        say_ready(w);
        exec = start(w);
        say_exited(w, exec);
        say_exited(w, exec);
        expect_fault(w, GUEST_FAULT_PROTOCOL);
        assert_int_equal(w->n_exited, 1);
}

static void a_host_frame_from_a_guest_is_a_fault(void **state) {
        World *w = *state;
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_SETUP, 0);
        f.setup.code_uid = f.setup.code_gid = 1000;
        say(w, &f.setup, sizeof(f.setup));
        expect_fault(w, GUEST_FAULT_PROTOCOL);
}

static void bytes_that_are_no_frame_are_a_fault(void **state) {
        World *w = *state;
        char noise[GUEST_FRAME_SIZE_MAX + 1];

        memset(noise, 0xff, sizeof(noise));
        say(w, noise, sizeof(noise)); /* longer than any frame */
        expect_fault(w, GUEST_FAULT_PROTOCOL);
}

static void a_descriptor_is_a_fault_and_is_not_kept(void **state) {
        World *w = *state;
        GuestFrame f;
        int fd = 0, next;

        next = dup(0);
        close_fd(next);
        guest_frame_init(&f, GUEST_FRAME_READY, 0);
        assert_int_equal(fd_send(w->fd, &f.ready, sizeof(f.ready), &fd, 1), 0);
        expect_fault(w, GUEST_FAULT_PROTOCOL);
        assert_int_equal(w->n_ready, 0);
        fd = dup(0);
        assert_int_equal(fd, next);
        close_fd(fd);
}

static void a_closed_channel_is_a_lost_guest(void **state) {
        World *w = *state;

        assert_int_equal(shutdown(w->fd, SHUT_RDWR), 0);
        turn(w);
        assert_int_equal(w->n_fault, 1);
        assert_int_equal(w->fault, GUEST_FAULT_LOST);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
        const struct CMUnitTest tests[] = {
                TEST(the_ordinary_course),
                TEST(code_that_comes_later_is_answered_once),
                TEST(two_that_others_have_started_are_taken_over),
                TEST(nothing_is_started_before_it_is_ready),
                TEST(as_many_run_as_may_and_each_ends_for_itself),
                TEST(nobody_hears_of_one_that_is_forgotten_but_it_ends_only_once),
                TEST(go_is_sent_once_and_only_to_a_child),
                TEST(go_waits_for_a_guest_that_has_no_room),
                TEST(a_second_child_is_a_fault),
                TEST(a_child_of_something_else_is_a_fault),
                TEST(a_second_ready_is_a_fault),
                TEST(an_end_before_the_start_is_a_fault),
                TEST(an_end_of_something_else_is_a_fault),
                TEST(a_second_end_is_a_fault),
                TEST(a_host_frame_from_a_guest_is_a_fault),
                TEST(bytes_that_are_no_frame_are_a_fault),
                TEST(a_descriptor_is_a_fault_and_is_not_kept),
                TEST(a_closed_channel_is_a_lost_guest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
