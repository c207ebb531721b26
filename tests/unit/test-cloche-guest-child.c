/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* From START to the program's first instruction: what the host learns of the child, what the child
 * waits for, and where the program then finds itself. Needs to be root.
 *
 *   test-cloche-guest-child GUEST BOX LIST */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "box.h"

#define IN_BOX(f)  cmocka_unit_test_setup_teardown(f, set_up, tear_down)
#define QUIET_MSEC 200 /* nothing comes in that time, then nothing comes */

static BoxPaths arg_paths;

static int set_up(void **state) {
        *state = box_new_ready(&arg_paths, NULL);
        return 0;
}

static int tear_down(void **state) {
        assert_int_equal(box_end(*state), 0);
        return 0;
}

static bool is_quiet(int fd) {
        struct pollfd p = { .fd = fd, .events = POLLIN };

        return poll(&p, 1, QUIET_MSEC) == 0;
}

/* -- GO --------------------------------------------------------------------------------------- */

static void does_not_run_before_go(void **state) {
        Run run = box_start_held(*state, 1, (Program){ .argv = SHELL("echo ran") });
        char out[16];

        assert_true(box_await_child(*state, 1) > 0);
        assert_true(is_quiet(run.out));
        box_send_go(*state, 1);
        assert_string_equal(box_drain(&run.out, out, sizeof(out)), "ran\n");
        assert_int_equal(box_finish(*state, &run).value, 0);
}

/* The program's own pid in its namespace is the last of those that the kernel knows its process by. */
static void names_the_process_that_becomes_the_program(void **state) {
        Run run = box_start_held(*state, 1, (Program){ .argv = SHELL("echo $$; read x") });
        char path[64], line[256], out[32], *last = NULL;
        pid_t pid = box_await_child(*state, 1);
        FILE *f;

        assert_int_equal(box_count_fds(pid),
                         3 + 2); /* its streams, the channel, what it waits for */
        (void)snprintf(path, sizeof(path), "/proc/%d/status", pid);
        f = fopen(path, "re");
        assert_non_null(f);
        while (fgets(line, sizeof(line), f))
                if (strncmp(line, "NSpid:", 6) == 0)
                        last = strdup(strrchr(line, '\t') + 1);
        (void)fclose(f);
        assert_non_null(last);
        box_send_go(*state, 1);
        assert_string_equal(box_expect(run.out, "\n", out, sizeof(out)), last);
        free(last);
        run.in = close_fd(run.in);
        assert_int_equal(box_finish(*state, &run).value, 1);
}

static void goes_on_with_others_while_one_never_goes(void **state) {
        Run held = box_start_held(*state, 1, (Program){ .argv = SHELL("echo ran") });
        char out[16];
        GuestExited e;

        assert_true(box_await_child(*state, 1) > 0);
        assert_int_equal(box_run_shell(*state, 2, "echo other", out, sizeof(out)), 0);
        assert_string_equal(out, "other\n");

        box_send_signal(*state, 1, SIGKILL);
        assert_string_equal(box_drain(&held.out, out, sizeof(out)), "");
        e = box_finish(*state, &held);
        assert_int_equal(e.kind, GUEST_EXIT_SIGNALED);
        assert_int_equal(e.value, SIGKILL);
        box_send_go(*state, 1); /* too late, and no offence */
        assert_int_equal(box_run_shell(*state, 3, "exit 3", out, sizeof(out)), 3);

        held = box_start_held(*state, 4, (Program){ .argv = SHELL("echo ran") });
        assert_true(box_await_child(*state, 4) > 0); /* and the box ends with this one waiting */
        close(held.in);
        close(held.out);
        close(held.err);
}

static void keeps_a_signal_for_one_that_waits(void **state) {
        Run run = box_start_held(*state, 1, (Program){ .argv = SHELL("echo ran") });
        char out[16];
        GuestExited e;

        assert_true(box_await_child(*state, 1) > 0);
        box_send_signal(*state, 1, SIGTERM);
        assert_true(is_quiet(((Box *)*state)->channel));
        box_send_go(*state, 1);
        assert_string_equal(box_drain(&run.out, out, sizeof(out)), "");
        e = box_finish(*state, &run);
        assert_int_equal(e.kind, GUEST_EXIT_SIGNALED);
        assert_int_equal(e.value, SIGTERM);
}

static void signals_the_whole_process_group(void **state) {
        Run run = box_start(*state, 1,
                            (Program){ .argv = SHELL("sleep 1000 & sleep 1000 & echo up; wait") });
        char out[16];

        box_expect(run.out, "up\n", out, sizeof(out));
        box_send_signal(*state, 1, SIGTERM);
        assert_int_equal(box_finish(*state, &run).value, SIGTERM);

        run = box_start(
                *state, 2,
                (Program){ .argv = SHELL("trap 'exit 5' USR1; (trap 'echo child' USR1; "
                                         "echo up; while :; do sleep 0.02; done) & wait") });
        box_expect(run.out, "up\n", out, sizeof(out));
        box_send_signal(*state, 2, SIGUSR1);
        box_expect(run.out, "child\n", out, sizeof(out));
        assert_int_equal(box_finish(*state, &run).value, 5);
}

static void leaves_nothing_of_a_signalled_group(void **state) {
        Run run = box_start(*state, 1, (Program){ .argv = SHELL("sleep 1000 & echo up; wait") });
        char out[16];

        box_expect(run.out, "up\n", out, sizeof(out));
        box_send_signal(*state, 1, SIGKILL);
        assert_string_equal(box_drain(&run.out, out, sizeof(out)), ""); /* the sleep had it too */
        assert_int_equal(box_finish(*state, &run).value, SIGKILL);
}

/* -- directory -------------------------------------------------------------------------------- */

static void begins_in_the_directory_it_is_given(void **state) {
        static const struct {
                const char *cwd, *out;
        } cases[] = {
                { "/",             "/\n"               },
                { "/tmp",          "/tmp\n"            },
                { "/tmp/../usr/.", "/usr\n"            },
                { "sub",           "/work/sub\n"       },
                { "sub\n\xff",     "/work/sub\n\xff\n" },
                { NULL,            "/work\n"           },
        };
        char out[64];

        assert_int_equal(box_run_shell(*state, 100, "mkdir sub \"$(printf 'sub\\n\\377')\"", out,
                                       sizeof(out)),
                         0);
        for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Run run = box_start(*state, i + 1,
                                    (Program){ .argv = WORDS("pwd"), .cwd = cases[i].cwd });

                assert_string_equal(box_drain(&run.out, out, sizeof(out)), cases[i].out);
                assert_int_equal(box_finish(*state, &run).value, 0);
        }
}

/* With the rights of the code, not of the guest. */
static void says_why_it_cannot_enter_a_directory(void **state) {
        static const struct {
                const char *cwd, *line;
        } cases[] = {
                { "",               "'': No such file or directory\n"             },
                { "/no/such",       "'/no/such': No such file or directory\n"     },
                { "/etc/passwd",    "'/etc/passwd': Not a directory\n"            },
                { "/proc/1/fdinfo", "'/proc/1/fdinfo': Permission denied\n"       },
                { "loop",           "'loop': Too many levels of symbolic links\n" },
                { "a\x1b[2J",       "'a?[2J': No such file or directory\n"        },
        };
        char err[256], expected[256];

        assert_int_equal(box_run_shell(*state, 100, "ln -s loop loop", err, sizeof(err)), 0);
        for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Run run = box_start(*state, i + 1,
                                    (Program){ .argv = SHELL("echo ran"), .cwd = cases[i].cwd });

                (void)snprintf(expected, sizeof(expected), "cloche: cannot enter %s",
                               cases[i].line);
                assert_string_equal(box_drain(&run.err, err, sizeof(err)), expected);
                assert_string_equal(box_drain(&run.out, err, sizeof(err)), "");
                assert_int_equal(box_finish(*state, &run).value, 126);
        }
}

/* -- streams ---------------------------------------------------------------------------------- */

static void links_the_streams_beside_the_code(void **state) {
        const Program program = {
                .argv = WORDS("sh", GUEST_CODE_DIR "/7/main.sh"),
                .code = "exec </dev/null; cd \"${0%/*}\"; cat fd/0 >fd/1; echo wrong >fd/2",
                .code_name = "main.sh",
        };
        char out[64], err[64];
        Run run;

        run = box_start(*state, 7,
                        (Program){ .argv = SHELL("cd " GUEST_CODE_DIR "/7; echo * >fd/1"),
                                   .code = "",
                                   .code_name = "x" });
        assert_string_equal(box_drain(&run.out, out, sizeof(out)), "fd x\n");
        assert_int_equal(box_finish(*state, &run).value, 0);

        run = box_start(*state, 7, program); /* stdin is another by then: fd/0 is /dev/null */
        assert_string_equal(box_drain(&run.out, out, sizeof(out)), "");
        assert_string_equal(box_drain(&run.err, err, sizeof(err)), "wrong\n");
        assert_int_equal(box_finish(*state, &run).value, 0);
        assert_int_equal(box_run_shell(*state, 8, "ls -a " GUEST_CODE_DIR, out, sizeof(out)), 0);
        assert_string_equal(out, ".\n..\n");
}

/* What a driver does: it opens the streams of an execution whose main process only stands in. */
static void stands_in_while_another_uses_its_streams(void **state) {
        const Program stand_in = {
                .argv = WORDS(GUEST_PROGRAM_PATH, GUEST_COMMAND_STAND_IN, "."),
                .env = WORDS(GUEST_PROGRAM_ENV),
                .code = "print(1)",
                .code_name = "main.py",
        };
        Run run = box_start(*state, 1, stand_in), driver;
        char out[64];
        GuestExited e;

        assert_string_equal(box_expect(run.out, ".", out, sizeof(out)), ".");
        driver = box_start(*state, 2,
                           (Program){ .argv = SHELL("cd " GUEST_CODE_DIR "/1; read line <fd/0;"
                                                    "echo got $line >fd/1; cat main.py >fd/2") });
        assert_int_equal(write(run.in, "input\n", 6), 6);
        assert_string_equal(box_expect(run.out, "\n", out, sizeof(out)), "got input\n");
        assert_string_equal(box_expect(run.err, ")", out, sizeof(out)), "print(1)");
        assert_int_equal(box_finish(*state, &driver).value, 0);

        assert_true(is_quiet(((Box *)*state)->channel)); /* it stays */
        box_send_signal(*state, 1, SIGTERM);
        assert_string_equal(box_drain(&run.out, out, sizeof(out)), "");
        e = box_finish(*state, &run);
        assert_int_equal(e.kind, GUEST_EXIT_SIGNALED);
        assert_int_equal(e.value, SIGTERM);
}

static uint32_t receive_written(Box *b, uint32_t exec) {
        GuestFrame f = box_receive(b);

        assert_int_equal(f.header.type, GUEST_FRAME_WRITTEN);
        assert_int_equal(f.header.exec, exec);
        return f.written.error;
}

static void takes_code_that_comes_later(void **state) {
        static const char *const codes[] = { "print(1)", "" };
        char command[64], out[64];

        for (uint32_t i = 0; i < ARRAY_SIZE(codes); i++) {
                uint32_t exec = 2 * i + 1;
                Run run = box_start(
                        *state, exec,
                        (Program){ .argv = WORDS("sleep", "1000"), .code_name = "main.py" });

                box_send_code(*state, exec, codes[i]);
                assert_int_equal(receive_written(*state, exec), 0);
                (void)snprintf(command, sizeof(command), "cat " GUEST_CODE_DIR "/%u/main.py", exec);
                assert_int_equal(box_run_shell(*state, exec + 1, command, out, sizeof(out)), 0);
                assert_string_equal(out, codes[i]);
                box_send_signal(*state, exec, SIGKILL);
                (void)box_finish(*state, &run);
        }
        assert_int_equal(box_run_shell(*state, 8, "ls " GUEST_CODE_DIR, out, sizeof(out)), 0);
        assert_string_equal(out, "");
}

static void says_when_there_is_no_place_for_code(void **state) {
        Run run = box_start(
                *state, 1,
                (Program){ .argv = SHELL("echo on; exec sleep 1000"), .code_name = "fd" });
        char out[16];

        assert_string_equal(box_expect(run.out, "on\n", out, sizeof(out)), "on\n");
        box_send_code(*state, 1, "print(1)");
        assert_int_equal(receive_written(*state, 1), EEXIST);
        box_send_signal(*state, 1, SIGKILL);
        (void)box_finish(*state, &run);
}

static void code_for_one_that_has_ended_is_nobodys(void **state) {
        Run run = box_start(*state, 1, (Program){ .argv = WORDS("true"), .code_name = "main" });
        char out[16];

        assert_int_equal(box_finish(*state, &run).value, 0);
        box_send_code(*state, 1, "print(1)");
        assert_int_equal(box_run_shell(*state, 2, "ls " GUEST_CODE_DIR, out, sizeof(out)), 0);
        assert_string_equal(out, "");
}

static void fails_where_the_streams_cannot_be_linked(void **state) {
        const Program program = { .argv = WORDS("true"), .code = "", .code_name = "fd" };
        Run run = box_start_held(*state, 1, program);
        GuestExited e;
        char out[16];

        assert_int_equal(box_await_child(*state, 1), 0);
        e = box_finish(*state, &run);
        assert_int_equal(e.kind, GUEST_EXIT_FAILED);
        assert_int_equal(e.value, EEXIST);
        assert_int_equal(box_run_shell(*state, 8, "ls " GUEST_CODE_DIR, out, sizeof(out)), 0);
        assert_string_equal(out, "");
}

static void is_no_guest_with_arguments(void **state) {
        static const char *const argvs[][5] = {
                { GUEST_PROGRAM_PATH, "nonsense" },
                { GUEST_PROGRAM_PATH, "" },
                { GUEST_PROGRAM_PATH, GUEST_COMMAND_STAND_IN, "a", "b" },
        };

        for (uint32_t i = 0; i < ARRAY_SIZE(argvs); i++) {
                const Program program = { .argv = argvs[i], .env = WORDS(GUEST_PROGRAM_ENV) };
                Run run = box_start(*state, i + 1, program);

                assert_int_equal(box_finish(*state, &run).value, 2);
        }
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                IN_BOX(does_not_run_before_go),
                IN_BOX(names_the_process_that_becomes_the_program),
                IN_BOX(goes_on_with_others_while_one_never_goes),
                IN_BOX(keeps_a_signal_for_one_that_waits),
                IN_BOX(signals_the_whole_process_group),
                IN_BOX(leaves_nothing_of_a_signalled_group),
                IN_BOX(begins_in_the_directory_it_is_given),
                IN_BOX(says_why_it_cannot_enter_a_directory),
                IN_BOX(links_the_streams_beside_the_code),
                IN_BOX(stands_in_while_another_uses_its_streams),
                IN_BOX(takes_code_that_comes_later),
                IN_BOX(says_when_there_is_no_place_for_code),
                IN_BOX(code_for_one_that_has_ended_is_nobodys),
                IN_BOX(fails_where_the_streams_cannot_be_linked),
                IN_BOX(is_no_guest_with_arguments),
        };

        arg_paths = box_take_paths(argc, argv, 3);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
