/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Terminals from the real guest: what a program has of one, how input and output end, and that no
 * program and no host can make the guest wait, spin or grow with one. Needs to be root.
 *
 *   test-cloche-guest-terminal GUEST BOX LIST */

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
#include "basic/fd.h"
#include "basic/limits.h"
#include "box.h"

#define IN_BOX(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
/* What one terminal may cost: a buffer each way and what the stack needs for it. A sanitizer's
 * memory says nothing, so there is an argument for it. */
static long arg_growth_kib = 64;
#define QUIET_MSEC    500
#define BUSY_TICKS    10 /* of 10 ms, in QUIET_MSEC: more is spinning */
#define TERMINAL(...) ((Program){ .has_terminal = true, .rows = 24, .columns = 80, __VA_ARGS__ })

static BoxPaths arg_paths;

static int set_up(void **state) {
        *state = box_new_ready(&arg_paths, NULL);
        return 0;
}

static int tear_down(void **state) {
        assert_int_equal(box_end(*state), 0);
        return 0;
}

static Run start_shell(Box *b, uint32_t exec, const char *command) {
        return box_start(b, exec, TERMINAL(.argv = SHELL(command)));
}

static void type(Run *run, const char *text) {
        assert_int_equal(write(run->in, text, strlen(text)), strlen(text));
}

static unsigned long read_cpu_ticks(pid_t pid) {
        unsigned long user, system;
        char path[64];
        FILE *f;

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
        f = fopen(path, "re");
        assert_non_null(f);
        assert_int_equal(fscanf(f,
                                "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
                                &user, &system),
                         2);
        (void)fclose(f);
        return user + system;
}

static void assert_idle(Box *b) {
        unsigned long ticks = read_cpu_ticks(b->guest_pid);

        (void)poll(NULL, 0, QUIET_MSEC);
        assert_true(read_cpu_ticks(b->guest_pid) - ticks < BUSY_TICKS);
}

/* -- what it is ------------------------------------------------------------------------------- */

static void gives_a_program_a_terminal(void **state) {
        static const struct {
                const char *command, *out;
        } cases[] = {
                { "test -t 0 && test -t 1 && test -t 2 && tty",                                       "/dev/pts/0\r\n" },
                { "stty size",                                                                        "24 80\r\n"      },
                { "stat -c '%u %a' \"$(tty)\"",                                                       "1000 620\r\n"   },
                { "echo by name >\"$(tty)\"",                                                         "by name\r\n"    },
                { "echo mine >/dev/tty",                                                              "mine\r\n"       },
                { "echo wrong >&2",                                                                   "wrong\r\n"      },
                { "stty -a | grep -o ' iutf8'",                                                       " iutf8\r\n"     },
                { "cd /proc/$$/fd; echo *",                                                           "0 1 2 3\r\n"    }, /* 3 to look */
                { "ps -o sess=,tpgid= -p $$ | { read s t; [ $s = $$ ] && [ $t = $$ ] && echo yes; }",
                 "yes\r\n"                                                                                             },
        };

        for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Run run = start_shell(*state, i + 1, cases[i].command);
                char out[256], err[16];

                assert_string_equal(box_drain(&run.err, err, sizeof(err)), "");
                assert_string_equal(box_drain(&run.out, out, sizeof(out)), cases[i].out);
                assert_int_equal(box_finish(*state, &run).value, 0);
        }
}

static void opens_the_streams_of_a_terminal_by_name(void **state) {
        Run run = box_start(*state, 1,
                            TERMINAL(.argv = SHELL("cd " GUEST_CODE_DIR "/1/fd; read x <0;"
                                                   "echo got $x >1; echo wrong >2"),
                                     .code = "x", .code_name = "x"));
        char out[64];

        type(&run, "in\n");
        assert_string_equal(box_drain(&run.out, out, sizeof(out)), "in\r\ngot in\r\nwrong\r\n");
        assert_int_equal(box_finish(*state, &run).value, 0);
}

static void changes_the_size_and_tells_the_program(void **state) {
        Run run = start_shell(*state, 1,
                              "trap 'stty size' WINCH; echo up; while :; do sleep 0.02; "
                              "done");
        char out[64];

        box_expect(run.out, "up", out, sizeof(out));
        box_send_resize(*state, 1, 50, 132);
        box_expect(run.out, "50 132\r\n", out, sizeof(out));
        box_send_resize(*state, 1, TERMINAL_SIZE_MAX, 0);
        box_expect(run.out, "4096 0\r\n", out, sizeof(out));
        box_send_signal(*state, 1, SIGKILL);
        assert_int_equal(box_finish(*state, &run).value, SIGKILL);

        box_send_resize(*state, 1, 1, 1);  /* it has ended */
        box_send_resize(*state, 77, 1, 1); /* it never was */
        run = box_start(*state, 2, (Program){ .argv = SHELL("read x; exit 3") });
        box_send_resize(*state, 2, 1, 1); /* it has no terminal */
        run.in = close_fd(run.in);
        assert_int_equal(box_finish(*state, &run).value, 3);
}

/* Waits until something else than this shell is in the foreground of its terminal. */
static void wait_for_foreground(pid_t shell) {
        char path[64];
        int group, foreground;

        (void)snprintf(path, sizeof(path), "/proc/%d/stat", shell);
        do {
                FILE *f = fopen(path, "re");

                assert_non_null(f);
                assert_int_equal(
                        fscanf(f, "%*d (%*[^)]) %*c %*d %d %*d %*d %d", &group, &foreground), 2);
                (void)fclose(f);
                (void)poll(NULL, 0, 1);
        } while (foreground == group);
}

static void controls_jobs(void **state) {
        Run run = box_start_held(*state, 1, TERMINAL(.argv = SHELL("PS1='> ' exec sh -i")));
        pid_t shell = box_await_child(*state, 1);
        char out[1024];

        box_send_go(*state, 1);
        box_expect(run.out, "> ", out, sizeof(out));
        assert_null(strstr(out, "job control"));
        type(&run, "sleep 1000\n");
        wait_for_foreground(shell);
        type(&run, "\003");
        box_expect(run.out, "> ", out, sizeof(out));
        type(&run, "echo code $?\n");
        box_expect(run.out, "code 130", out, sizeof(out));
        type(&run, "sleep 1001\n");
        wait_for_foreground(shell);
        type(&run, "\032");
        box_expect(run.out, "Stopped", out, sizeof(out));
        type(&run, "fg\n");
        wait_for_foreground(shell);
        type(&run, "\003");
        box_expect(run.out, "> ", out, sizeof(out));
        type(&run, "exit 7\n");
        box_drain(&run.out, out, sizeof(out));
        assert_int_equal(box_finish(*state, &run).value, 7);
}

/* -- bytes ------------------------------------------------------------------------------------ */

static void passes_every_byte_both_ways(void **state) {
        Run run = start_shell(*state, 1, "stty raw -echo; echo up; exec cat");
        unsigned char sent[1021], got[sizeof(sent)];
        char out[16];

        box_expect(run.out, "up\n", out, sizeof(out));
        for (unsigned round = 0; round < 300; round++) {
                size_t n = 0;

                for (size_t i = 0; i < sizeof(sent); i++)
                        sent[i] = (unsigned char)(i * 7 + round * 13);
                assert_int_equal(write(run.in, sent, sizeof(sent)), sizeof(sent));
                while (n < sizeof(got)) {
                        ssize_t r;

                        box_wait_readable(run.out);
                        r = read(run.out, got + n, sizeof(got) - n);
                        assert_true(r > 0);
                        n += (size_t)r;
                }
                assert_memory_equal(got, sent, sizeof(sent));
        }
        box_send_signal(*state, 1, SIGKILL);
        assert_int_equal(box_finish(*state, &run).value, SIGKILL);
}

static void loses_no_output_at_the_end(void **state) {
        Run run = start_shell(*state, 1, "seq 100000");
        size_t n = 0;
        char chunk[4096];
        ssize_t r;

        (void)poll(NULL, 0, 100); /* it must wait for us */
        while ((r = read(run.out, chunk, sizeof(chunk))) > 0)
                n += (size_t)r;
        assert_int_equal(r, 0);
        assert_int_equal(n, 588895 + 100000); /* a carriage return each line */
        assert_int_equal(box_finish(*state, &run).value, 0);
}

/* -- ends ------------------------------------------------------------------------------------- */

static void ends_input_like_a_person_would(void **state) {
        static const struct {
                const char *command, *input, *out;
                int code;
        } cases[] = {
                { "cat; exit 4",                                    "",        "",               4 },
                { "cat; exit 4",                                    "abc\n",   "abc\r\nabc\r\n", 4 },
                { "cat; exit 4",                                    "abc",     "abcabc",         4 },
                { "cat; cat; exit 4",                               "a\n\004", "a\r\na\r\n",     4 },
                { "stty eof ^X -echo; echo up; cat; exit 4",        "a",       "up\r\na",        4 },
                { "stty eof undef -echo; echo up; read x; exit 4",  "a\n",     "up\r\n",         4 },
                { "stty raw -echo; echo up; head -c 2 | od -An -c", "a",       "up\n   a 004\n", 0 },
        };

        for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Run run = start_shell(*state, i + 1, cases[i].command);
                char out[128] = "";

                if (strstr(cases[i].command, "up"))
                        box_expect(run.out, "\n", out, sizeof(out));
                type(&run, cases[i].input);
                run.in = close_fd(run.in);
                box_drain(&run.out, out + strlen(out), sizeof(out) - strlen(out));
                assert_string_equal(out, cases[i].out);
                assert_int_equal(box_finish(*state, &run).value, cases[i].code);
        }
}

/* The end of the main process is not the end of the terminal; but what comes for its execution
 * then is for nobody. */
static void goes_on_for_what_is_left_in_the_background(void **state) {
        static const char command[] = "trap '' HUP; exec 3<&0; (echo up; read x <&3; echo late; "
                                      "stty size <&3) & exit 3";
        Run run = start_shell(*state, 1, command), other;
        char out[64];

        box_expect(run.out, "up\r\n", out, sizeof(out));
        assert_int_equal(box_receive(*state).exited.value, 3);
        box_send_resize(*state, 1, 5, 5);
        other = start_shell(*state, 1,
                            "stty size; read x; stty size"); /* the id may name another */
        box_expect(other.out, "24 80\r\n", out, sizeof(out));
        box_send_resize(*state, 1, 6, 6);
        type(&other, "\n");
        box_drain(&other.out, out, sizeof(out));
        assert_string_equal(out, "\r\n6 6\r\n");
        assert_int_equal(box_finish(*state, &other).value, 0);

        type(&run, "a\n");
        assert_string_equal(box_drain(&run.out, out, sizeof(out)), "a\r\nlate\r\n24 80\r\n");
        close(run.in);
        close(run.err);
}

static void hangs_up_when_nobody_reads(void **state) {
        Run run = start_shell(*state, 1, "echo up; exec sleep 1000");
        char out[16];
        GuestExited e;

        box_expect(run.out, "up", out, sizeof(out));
        run.out = close_fd(run.out);
        e = box_finish(*state, &run);
        assert_int_equal(e.kind, GUEST_EXIT_SIGNALED);
        assert_int_equal(e.value, SIGHUP);
}

static void closes_everything_when_it_cannot_fork(void **state _unused_) {
        Box *b = box_new_ready(&arg_paths, "no-fork");
        size_t n_fds = 0;

        for (uint32_t i = 1; i < 4; i++) {
                Run run = start_shell(b, i, "exit 0");
                char out[16];
                GuestExited e;

                assert_string_equal(box_drain(&run.out, out, sizeof(out)), "");
                e = box_finish(b, &run);
                assert_int_equal(e.kind, GUEST_EXIT_FAILED);
                assert_int_equal(e.value, EAGAIN);
                if (i == 1)
                        n_fds = box_count_fds(b->guest_pid);
                assert_int_equal(box_count_fds(b->guest_pid), n_fds);
        }
        assert_int_equal(box_end(b), 0);
}

/* A child that never goes holds nothing of another's terminal open. */
static void ends_while_another_child_waits(void **state) {
        Run run = start_shell(*state, 1, "read x; echo $x"), held;
        char out[16];

        held = box_start_held(*state, 2, TERMINAL(.argv = WORDS("true")));
        assert_true(box_await_child(*state, 2) > 0);
        type(&run, "a\n");
        assert_string_equal(box_drain(&run.out, out, sizeof(out)), "a\r\na\r\n");
        assert_int_equal(box_finish(*state, &run).value, 0);
        assert_int_equal(write(held.in, "x", 1), 1);
        assert_string_equal(box_expect(held.out, "x", out, sizeof(out)), "x"); /* its echo */
        box_send_signal(*state, 2, SIGKILL);
        assert_string_equal(box_drain(&held.out, out, sizeof(out)), "");
        assert_int_equal(box_finish(*state, &held).value, SIGKILL);
}

/* -- pressure --------------------------------------------------------------------------------- */

static void waits_for_a_reader_that_stops(void **state) {
        Box *b = *state;
        Run run;
        long kib;
        char out[8], *chunk = malloc(MIB);

        assert_non_null(chunk);
        assert_int_equal(box_run_shell(b, 1, "exit 0", out, sizeof(out)), 0);
        kib = box_read_memory_kib(b->guest_pid);
        run = start_shell(b, 2, "exec yes");
        (void)poll(NULL, 0, 200); /* every buffer is full by then */
        assert_idle(b);
        assert_true(box_read_memory_kib(b->guest_pid) - kib <= arg_growth_kib);

        /* meanwhile the guest does what it is for */
        assert_int_equal(box_run_shell(b, 3,
                                       "i=0; while [ $i -lt 500 ]; do (: &); i=$((i+1)); "
                                       "done; exit 9",
                                       out, sizeof(out)),
                         9);
        for (size_t n = 0; n < MIB;) {
                ssize_t r;

                box_wait_readable(run.out);
                r = read(run.out, chunk, MIB);
                assert_true(r > 0);
                n += (size_t)r;
        }
        free(chunk);
        assert_true(box_read_memory_kib(b->guest_pid) - kib <= arg_growth_kib);
        run.out = close_fd(run.out);
        assert_int_equal(box_finish(b, &run).value, SIGHUP);
}

/* All that can be in a pipe and in a terminal, and not a byte more. */
static void waits_for_a_program_that_does_not_read(void **state) {
        Run run = start_shell(*state, 1, "stty -echo; echo up; exec sleep 1000");
        size_t n = 0;
        char out[8];

        box_expect(run.out, "up", out, sizeof(out));
        assert_int_equal(fd_set_nonblock(run.in, 1), 0);
        for (int quiet = 0; quiet < 5;) {
                ssize_t r = write(run.in, "a line\n", 7);

                if (r > 0) {
                        n += (size_t)r;
                        quiet = 0;
                } else {
                        quiet++;
                        (void)poll(NULL, 0, 50);
                }
        }
        assert_true(n > 64 * KIB && n < 128 * KIB);
        assert_idle(*state);
        assert_int_equal(box_run_shell(*state, 2, "exit 1", out, sizeof(out)), 1);
        box_send_signal(*state, 1, SIGTERM);
        assert_int_equal(box_finish(*state, &run).value, SIGTERM);
}

/* A terminal that has ended with bytes that nobody takes, and one whose input goes to nobody. */
static void is_idle_with_terminals_that_have_ended(void **state) {
        Run full = start_shell(*state, 1, "head -c 100000 /dev/zero"), late;
        char out[8];

        late = start_shell(*state, 2, "exec sleep 1000");
        (void)poll(NULL, 0, 100);
        box_send_signal(*state, 1, SIGKILL);
        box_receive(*state); /* EXITED */
        type(&late, "x\n");
        box_expect(late.out, "x\r\n", out, sizeof(out));
        box_send_signal(*state, 2, SIGKILL);
        assert_string_equal(box_drain(&late.out, out, sizeof(out)), "");
        assert_int_equal(box_finish(*state, &late).value, SIGKILL);
        assert_idle(*state);
        close(full.in);
        close(full.err);
        close(full.out);
}

static void has_as_many_terminals_as_executions(void **state) {
        Box *b = *state;
        Run runs[GUEST_EXECS_MAX];
        bool seen[GUEST_EXECS_MAX] = {};
        size_t n_fds;
        char out[64];

        assert_int_equal(box_run_shell(b, 1000, "exit 0", out, sizeof(out)), 0);
        n_fds = box_count_fds(b->guest_pid);
        for (unsigned round = 0; round < 2; round++) {
                memset(seen, 0, sizeof(seen));
                for (uint32_t i = 0; i < GUEST_EXECS_MAX; i++)
                        runs[i] = start_shell(b, round * 100 + i + 1, "read x; echo $x-$(tty)");
                for (uint32_t i = 0; i < GUEST_EXECS_MAX; i++) {
                        char expected[16];
                        int number = -1;

                        (void)snprintf(expected, sizeof(expected), "%u\n", i);
                        type(&runs[i], expected);
                        box_drain(&runs[i].out, out, sizeof(out));
                        assert_int_equal(sscanf(out, "%*d\r\n%*d-/dev/pts/%d", &number), 1);
                        assert_true(number >= 0 && number < GUEST_EXECS_MAX);
                        assert_false(seen[number]);
                        seen[number] = true;
                        assert_int_equal(strtoul(out, NULL, 10), i);
                        assert_int_equal(box_finish(b, &runs[i]).value, 0);
                }
                assert_int_equal(box_count_fds(b->guest_pid), n_fds);
        }
}

/* Programs that end and leave someone who holds the terminal; the host keeps the pipe open. */
static void says_when_there_are_too_many_terminals(void **state) {
        Run runs[GUEST_EXECS_MAX + 1];
        char out[8];

        for (uint32_t i = 0; i < GUEST_EXECS_MAX; i++) {
                runs[i] = start_shell(*state, i + 1, "trap '' HUP; sleep 1000 &");
                box_receive(*state); /* EXITED */
        }
        runs[GUEST_EXECS_MAX] = start_shell(*state, 100, "exit 0");
        assert_string_equal(box_drain(&runs[GUEST_EXECS_MAX].out, out, sizeof(out)), "");
        assert_int_equal(box_finish(*state, &runs[GUEST_EXECS_MAX]).value, EMFILE);
        for (uint32_t i = 0; i < GUEST_EXECS_MAX; i++) {
                close(runs[i].in);
                close(runs[i].out);
                close(runs[i].err);
        }
        runs[0] = start_shell(*state, 101, "exit 6"); /* the others were hung up */
        assert_int_equal(box_finish(*state, &runs[0]).value, 6);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                IN_BOX(gives_a_program_a_terminal),
                IN_BOX(opens_the_streams_of_a_terminal_by_name),
                IN_BOX(changes_the_size_and_tells_the_program),
                IN_BOX(controls_jobs),
                IN_BOX(passes_every_byte_both_ways),
                IN_BOX(loses_no_output_at_the_end),
                IN_BOX(ends_input_like_a_person_would),
                IN_BOX(goes_on_for_what_is_left_in_the_background),
                IN_BOX(hangs_up_when_nobody_reads),
                cmocka_unit_test(closes_everything_when_it_cannot_fork),
                IN_BOX(ends_while_another_child_waits),
                IN_BOX(waits_for_a_reader_that_stops),
                IN_BOX(waits_for_a_program_that_does_not_read),
                IN_BOX(is_idle_with_terminals_that_have_ended),
                IN_BOX(has_as_many_terminals_as_executions),
                IN_BOX(says_when_there_are_too_many_terminals),
        };

        if (argc > 4)
                arg_growth_kib = strtol(argv[4], NULL, 10);
        arg_paths = box_take_paths(argc, argv, 3);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
