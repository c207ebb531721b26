/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* How the real guest fails and ends: what it cannot do it says, and what no host does ends it, with
 * everything it started. Needs to be root.
 *
 *   test-cloche-guest-end GUEST BOX LIST */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/limits.h"
#include "box.h"

static BoxPaths arg_paths;

static void says_when_it_cannot_fork(void **state _unused_) {
        Box *b = box_new_ready(&arg_paths, "no-fork");

        for (uint32_t i = 1; i < 4; i++) {
                Run run = box_start(
                        b, i, (Program){ .argv = WORDS("true"), .code = "x", .code_name = "x" });
                GuestExited e = box_finish(b, &run);

                assert_int_equal(e.kind, GUEST_EXIT_FAILED);
                assert_int_equal(e.value, EAGAIN);
        }
        assert_int_equal(box_end(b), 0);
}

/* A filter that the kernel does not take: then the program must not run without one. */
static void runs_nothing_without_its_filter(void **state _unused_) {
        static const struct sock_filter broken = { .code = 0xffff };
        Box *b = box_new(&arg_paths, NULL);
        Run run;
        GuestExited e;
        char out[64];

        close(b->filter_fd);
        b->filter_fd = fd_new_sealed("filter", &broken, sizeof(broken));
        box_send_setup(b);
        assert_int_equal(box_receive(b).header.type, GUEST_FRAME_READY);
        run = box_start(b, 1, (Program){ .argv = SHELL("echo ran") });
        assert_string_equal(box_drain(&run.out, out, sizeof(out)), "");
        e = box_finish(b, &run);
        assert_int_equal(e.kind, GUEST_EXIT_FAILED);
        assert_int_equal(e.value, EINVAL);
        assert_int_equal(box_end(b), 0);
}

static void ends_everything_when_the_channel_ends(void **state _unused_) {
        Box *b = box_new_ready(&arg_paths, NULL);
        Run run = box_start(
                b, 1,
                (Program){
                        .argv = SHELL("trap '' TERM HUP INT; (setsid sleep 1000 &);"
                                      "(setsid sh -c '(sleep 1000 &)' &); echo up; sleep 1000"),
                });
        char out[64];

        box_wait_readable(run.out);
        assert_int_equal(read(run.out, out, sizeof(out)), 3);
        assert_int_equal(box_end(b), 0);
        assert_string_equal(box_drain(&run.out, out, sizeof(out)),
                            ""); /* nobody holds its other end */
        close(run.in);
        close(run.err);
}

/* Each takes a guest that is ready and does what no host does. */
static void send_nothing(Box *b) {
        (void)b;
}

static void send_garbage(Box *b) {
        assert_int_equal(fd_send(b->channel, "garbage", 7, NULL, 0), 0);
}

static void send_empty(Box *b) {
        assert_int_equal(fd_send(b->channel, "", 0, NULL, 0), 0);
}

static void send_long(Box *b) {
        static const char zeros[GUEST_FRAME_SIZE_MAX + 1];

        assert_int_equal(fd_send(b->channel, zeros, sizeof(zeros), NULL, 0), 0);
}

static void send_wrong_direction(Box *b) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_READY, 0);
        assert_int_equal(box_send(b, &f, NULL, 0), 0);
}

static void send_signal_with_fd(Box *b) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_SIGNAL, 1);
        f.signal.signo = 9;
        assert_int_equal(box_send(b, &f, &b->filter_fd, 1), 0);
}

static void send_start(Box *b, uint32_t more_argv, uint32_t more_size, bool sealed, size_t n_fds) {
        const Program program = { .argv = SHELL("exec sleep 1000") };
        int fds[5] = { -1, 1, 1, 2, 2 };
        GuestFrame f = box_make_start(1, &program, &fds[0]);

        if (!sealed) {
                char bytes[256];
                ssize_t n = pread(fds[0], bytes, sizeof(bytes), 0);

                assert_true(n > 0);
                close(fds[0]);
                fds[0] = memfd_create("payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
                assert_int_equal(fd_write_all(fds[0], bytes, (size_t)n), 0);
        }
        f.start.n_argv += more_argv;
        f.start.strings_size += more_size;
        assert_int_equal(box_send(b, &f, fds, n_fds), 0);
        close(fds[0]);
}

static void send_unsealed_payload(Box *b) {
        send_start(b, 0, 0, false, 4);
}

static void send_longer_size(Box *b) {
        send_start(b, 0, 1, true, 4);
}

static void send_more_strings(Box *b) {
        send_start(b, 1, 0, true, 4);
}

static void send_three_fds(Box *b) {
        send_start(b, 0, 0, true, 3);
}

static void send_five_fds(Box *b) {
        send_start(b, 0, 0, true, 5);
}

static void send_same_exec_twice(Box *b) {
        send_start(b, 0, 0, true, 4);
        send_start(b, 0, 0, true, 4);
}

static void send_one_too_many(Box *b) {
        for (uint32_t i = 1; i <= GUEST_EXECS_MAX + 1; i++) {
                Run run = box_start_held(b, i, (Program){ .argv = WORDS("sleep", "1000") });

                close(run.in);
                close(run.out);
                close(run.err);
        }
}

static void send_go_for_nobody(Box *b) {
        box_send_go(b, 1);
}

static void send_go_twice(Box *b) {
        send_start(b, 0, 0, true, 4);
        box_send_go(b, 1);
        box_send_go(b, 1);
}

static void send_go_with_fd(Box *b) {
        GuestFrame f;

        send_start(b, 0, 0, true, 4);
        guest_frame_init(&f, GUEST_FRAME_GO, 1);
        assert_int_equal(box_send(b, &f, &b->filter_fd, 1), 0);
}

static void send_code_for_nobody(Box *b) {
        box_send_code(b, 1, "x");
}

static void send_code_to_one_that_has_it(Box *b) {
        send_start(b, 0, 0, true, 4);
        box_send_code(b, 1, "x");
}

static void send_code_twice(Box *b) {
        Run run = box_start(b, 1, (Program){ .argv = WORDS("sleep", "1000"), .code_name = "main" });

        box_send_code(b, 1, "x");
        box_send_code(b, 1, "x");
        close(run.in);
        close(run.out);
        close(run.err);
}

static void send_code_of_another_size(Box *b) {
        Run run = box_start(b, 1, (Program){ .argv = WORDS("sleep", "1000"), .code_name = "main" });
        _cleanup_close_ int fd = fd_new_sealed("code", "xy", 2);
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_CODE, 1);
        f.code.code_size = 1;
        assert_int_equal(box_send(b, &f, &fd, 1), 0);
        close(run.in);
        close(run.out);
        close(run.err);
}

static void send_child(Box *b) {
        GuestFrame f;

        guest_frame_init(&f, GUEST_FRAME_CHILD, 1);
        assert_int_equal(box_send(b, &f, NULL, 0), 0);
}

static void ends_at_the_first_wrong_frame(void **state _unused_) {
        static const struct {
                void (*act)(Box *b);
                int code;
        } cases[] = {
                { send_nothing,                 0 }, /* only the end of the channel */
                { send_garbage,                 1 },
                { send_empty,                   0 }, /* as good as the end */
                { send_long,                    1 },
                { send_wrong_direction,         1 },
                { box_send_setup,               1 }, /* a second one */
                { send_signal_with_fd,          1 },
                { send_unsealed_payload,        1 },
                { send_longer_size,             1 },
                { send_more_strings,            1 },
                { send_three_fds,               1 },
                { send_five_fds,                1 },
                { send_code_for_nobody,         1 },
                { send_code_to_one_that_has_it, 1 },
                { send_code_twice,              1 },
                { send_code_of_another_size,    1 },
                { send_same_exec_twice,         1 },
                { send_one_too_many,            1 },
                { send_go_for_nobody,           1 },
                { send_go_twice,                1 },
                { send_go_with_fd,              1 },
                { send_child,                   1 },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Box *b = box_new_ready(&arg_paths, NULL);
                int code;

                cases[i].act(b);
                if (cases[i].act != send_nothing) {
                        struct pollfd p = { .fd = b->channel, .events = POLLRDHUP };

                        assert_int_equal(poll(&p, 1, BOX_TIMEOUT_MSEC),
                                         1); /* it hangs up, not we */
                }
                code = box_end(b);
                if (code != cases[i].code)
                        fail_msg("case %zu: %d", i, code);
        }
}

static void ends_when_anything_comes_before_setup(void **state _unused_) {
        for (int i = 0; i < 3; i++) {
                Box *b = box_new(&arg_paths, NULL);

                if (i == 0)
                        send_start(b, 0, 0, true, 4);
                else if (i == 1)
                        box_send_signal(b, 1, SIGKILL);
                else {
                        close(b->filter_fd); /* a filter that is no array of instructions */
                        b->filter_fd = fd_new_sealed("filter", "1234567", 7);
                        box_send_setup(b);
                }
                assert_int_equal(box_end(b), 1);
        }
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(says_when_it_cannot_fork),
                cmocka_unit_test(runs_nothing_without_its_filter),
                cmocka_unit_test(ends_everything_when_the_channel_ends),
                cmocka_unit_test(ends_at_the_first_wrong_frame),
                cmocka_unit_test(ends_when_anything_comes_before_setup),
        };

        arg_paths = box_take_paths(argc, argv, 3);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
