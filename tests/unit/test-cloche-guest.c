/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What programs get from the real guest, and what the guest tells of them. Needs to be root.
 *
 *   test-cloche-guest GUEST BOX LIST GROWTH     GROWTH: KiB it may grow by in 1,000 executions */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "box.h"

#define IN_BOX(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

static BoxPaths arg_paths;
static long arg_growth;

static int set_up(void **state) {
        *state = box_new_ready(&arg_paths, NULL);
        return 0;
}

static int tear_down(void **state) {
        assert_int_equal(box_end(*state), 0);
        return 0;
}

/* -- programs --------------------------------------------------------------------------------- */

static void reports_exit_codes_and_signals(void **state) {
        static const struct {
                const char *command;
                GuestExitKind kind;
                int value;
        } cases[] = {
                { "exit 0",                          GUEST_EXIT_EXITED,   0   },
                { "exit 3",                          GUEST_EXIT_EXITED,   3   },
                { "exit 255",                        GUEST_EXIT_EXITED,   255 },
                { "kill -KILL $$",                   GUEST_EXIT_SIGNALED, 9   },
                { "kill -SEGV $$",                   GUEST_EXIT_SIGNALED, 11  },
                { "kill -PIPE $$",                   GUEST_EXIT_SIGNALED, 13  }, /* not ignored */
                { "(sleep 100 >&- 2>&- &) ; exit 4", GUEST_EXIT_EXITED,   4   },
        };

        for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Run run = box_start(*state, i + 1, (Program){ .argv = SHELL(cases[i].command) });
                GuestExited e = box_finish(*state, &run);

                assert_int_equal(e.kind, cases[i].kind);
                assert_int_equal(e.value, cases[i].value);
        }
}

static void connects_the_three_pipes(void **state) {
        Run run = box_start(*state, 1, (Program){ .argv = SHELL("cat; echo wrong >&2") });
        char out[64], err[64];

        assert_int_equal(write(run.in, "through\n", 8), 8);
        run.in = close_fd(run.in);
        assert_string_equal(box_drain(&run.out, out, sizeof(out)), "through\n");
        assert_string_equal(box_drain(&run.err, err, sizeof(err)), "wrong\n");
        assert_int_equal(box_finish(*state, &run).value, 0);
}

static void says_why_a_program_cannot_run(void **state) {
        static const struct {
                const char *name;
                int code;
                const char *line;
        } cases[] = {
                { "no-such-program", 127, "'no-such-program': No such file or directory\n" },
                { "/no/such/file",   127, "'/no/such/file': No such file or directory\n"   },
                { "",                127, "'': No such file or directory\n"                },
                { "/etc/passwd",     126, "'/etc/passwd': Permission denied\n"             },
                { "/usr",            126, "'/usr': Permission denied\n"                    },
                { "a\nb\x1b[2J",     127, "'a?b?[2J': No such file or directory\n"         },
        };

        for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
                Run run = box_start(*state, i + 1, (Program){ .argv = WORDS(cases[i].name) });
                char err[512], expected[512];
                GuestExited e;

                (void)snprintf(expected, sizeof(expected), "cloche: cannot run %s", cases[i].line);
                assert_string_equal(box_drain(&run.err, err, sizeof(err)), expected);
                e = box_finish(*state, &run);
                assert_int_equal(e.kind, GUEST_EXIT_EXITED);
                assert_int_equal(e.value, cases[i].code);
        }
}

static void finds_a_program_by_the_path_it_will_have(void **state) {
        Program program = { .argv = SHELL("exit 5"), .env = WORDS("PATH=/nowhere") };
        Run run = box_start(*state, 1, program);

        assert_int_equal(box_finish(*state, &run).value, 127);
        program.env = WORDS("PATH=/nowhere:/bin");
        run = box_start(*state, 2, program);
        assert_int_equal(box_finish(*state, &run).value, 5);
}

static void merges_the_environment(void **state) {
        const Program program = {
                .argv = WORDS("env"),
                .env = WORDS("HOME=/work", "EMPTY=", "TEXT=a=b\nc"),
        };
        Run run = box_start(*state, 1, program);
        char out[512];

        assert_string_equal(box_drain(&run.out, out, sizeof(out)),
                            "PATH=/usr/bin:/bin\nOUTER=1\nHOME=/work\nEMPTY=\nTEXT=a=b\nc\n");
        assert_int_equal(box_finish(*state, &run).value, 0);
}

static void leaves_a_program_no_rights(void **state) {
        static const char *const lines[] = {
                "\nUid:\t1000\t1000\t1000\t1000\n",
                "\nGid:\t1000\t1000\t1000\t1000\n",
                "\nGroups:\t \n",
                "\nNoNewPrivs:\t1\n",
                "\nSeccomp:\t2\n",
                "\nCapInh:\t0000000000000000\n",
                "\nCapPrm:\t0000000000000000\n",
                "\nCapEff:\t0000000000000000\n",
                "\nCapAmb:\t0000000000000000\n",
                "\nSigBlk:\t0000000000000000\n",
                "\nSigIgn:\t0000000000000000\n",
                "\nUmask:\t0022\n",
        };
        char out[4096];

        assert_int_equal(box_run_shell(*state, 1, "cat /proc/self/status", out, sizeof(out)), 0);
        for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
                if (!strstr(out, lines[i]))
                        fail_msg("no line%sin\n%s", lines[i], out);
}

static void drops_the_bounding_set_where_it_may(void **state _unused_) {
        Box *b = box_new_ready(&arg_paths, "setpcap");
        char out[64];

        assert_int_equal(box_run_shell(b, 1, "grep CapBnd /proc/$$/status", out, sizeof(out)), 0);
        assert_string_equal(out, "CapBnd:\t0000000000000000\n");
        assert_int_equal(box_end(b), 0);
}

static void gives_a_program_a_clean_start(void **state) {
        static const struct {
                const char *command, *out;
        } cases[] = {
                { "cat /proc/self/oom_score_adj",                          "1000\n"    },
                { "pwd",                                                   "/work\n"   },
                { "ulimit -c",                                             "0\n"       },
                { "grep -c '^Max core file size *1  *1 ' /proc/$$/limits", "1\n"       },
                { "set -- $(cat /proc/$$/stat); [ $6 = $$ ] && echo yes",  "yes\n"     },
                { "cd /proc/$$/fd; echo *",                                "0 1 2 3\n" }, /* 3 to look */
                { "echo hi >/work/a && echo hi >/tmp/a; cat /work/a",      "hi\n"      },
        };
        char out[256];

        for (uint32_t i = 0; i < ARRAY_SIZE(cases); i++) {
                assert_int_equal(box_run_shell(*state, i + 1, cases[i].command, out, sizeof(out)),
                                 0);
                assert_string_equal(out, cases[i].out);
        }
}

static void keeps_itself_out_of_reach(void **state) {
        static const char *const commands[] = {
                "kill -KILL 1",           "kill -STOP 1",
                "kill -TERM 1",           "ls /proc/1/fd",
                "ls /proc/1/root",        "cat /proc/1/environ",
                "cat /proc/1/maps",       "cat /proc/1/mem",
                "echo >/proc/1/mem",      "echo 1000 >/proc/1/oom_score_adj",
                "echo >/.cloche/guest",   "rm -f /.cloche/guest",
                "rm -f /.cloche/channel", "mkdir /run/cloche/9",
                "touch /run/cloche/x",    "mv /run/cloche /run/other",
        };
        char out[256], command[256];

        for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++) {
                (void)snprintf(command, sizeof(command), "(%s) 2>/dev/null", commands[i]);
                if (box_run_shell(*state, i + 1, command, out, sizeof(out)) == 0)
                        fail_msg("%s succeeded: %s", commands[i], out);
        }
        assert_int_equal(box_run_shell(*state, 100, "exit 6", out, sizeof(out)), 6);
}

static void writes_code_to_a_file_and_removes_it(void **state) {
        const Program program = {
                .argv = WORDS("sh", GUEST_CODE_DIR "/41/main.sh"),
                .code = "stat -c '%a %u' \"$0\" \"${0%/*}\"; [ -w \"$0\" ] || exit 8",
                .code_name = "main.sh",
        };
        const Program empty = {
                .argv = WORDS("cat", GUEST_CODE_DIR "/43/empty"),
                .code = "",
                .code_name = "empty",
        };
        Run run = box_start(*state, 41, program);
        char out[256];

        assert_string_equal(box_drain(&run.out, out, sizeof(out)), "444 0\n755 0\n");
        assert_int_equal(box_finish(*state, &run).value, 8);
        assert_int_equal(box_run_shell(*state, 42, "ls -a " GUEST_CODE_DIR, out, sizeof(out)), 0);
        assert_string_equal(out, ".\n..\n");

        run = box_start(*state, 43, empty);
        assert_string_equal(box_drain(&run.out, out, sizeof(out)), "");
        assert_int_equal(box_finish(*state, &run).value, 0);
}

static void signals_the_main_process(void **state) {
        Run run = box_start(*state, 1, (Program){ .argv = SHELL("echo up; exec sleep 1000") });
        char text[8];
        GuestExited e;

        box_wait_readable(run.out);
        assert_int_equal(read(run.out, text, sizeof(text)), 3);
        box_send_signal(*state, 1, SIGTERM);
        e = box_finish(*state, &run);
        assert_int_equal(e.kind, GUEST_EXIT_SIGNALED);
        assert_int_equal(e.value, SIGTERM);

        box_send_signal(*state, 1, SIGKILL);  /* it has ended */
        box_send_signal(*state, 77, SIGKILL); /* it never was */
        assert_int_equal(box_run_shell(*state, 2, "exit 2", text, sizeof(text)), 2);
}

static void tells_what_is_left_of_work(void **state) {
        static const char *const commands[] = {
                "exit 0",
                "head -c 600000 /dev/zero >/work/big",
                "head -c 600000 /dev/zero >/work/more 2>/dev/null",
        };
        uint64_t left[ARRAY_SIZE(commands)];

        for (uint32_t i = 0; i < ARRAY_SIZE(commands); i++) {
                Run run = box_start(*state, i + 1, (Program){ .argv = SHELL(commands[i]) });

                left[i] = box_finish(*state, &run).work_free;
        }
        assert_int_equal(left[0], 1 << 20);
        assert_true(left[1] >= 1 && left[1] <= left[0] - 600000);
        assert_int_equal(left[2], 0);
}

/* -- many ------------------------------------------------------------------------------------- */

static void runs_as_many_at_once_as_it_may(void **state) {
        Run runs[GUEST_EXECS_MAX];
        bool seen[GUEST_EXECS_MAX + 1] = {};

        for (uint32_t i = 0; i < GUEST_EXECS_MAX; i++)
                runs[i] = box_start(*state, i + 1, (Program){ .argv = WORDS("cat") });
        for (uint32_t i = 0; i < GUEST_EXECS_MAX; i++)
                close(runs[i].in);
        for (uint32_t i = 0; i < GUEST_EXECS_MAX; i++) {
                GuestFrame f = box_receive(*state);

                assert_int_equal(f.header.type, GUEST_FRAME_EXITED);
                assert_true(f.header.exec >= 1 && f.header.exec <= GUEST_EXECS_MAX);
                assert_false(seen[f.header.exec]);
                seen[f.header.exec] = true;
                close(runs[i].out);
                close(runs[i].err);
        }
}

static void run_many(Box *b, uint32_t first, uint32_t n) {
        const Program program = {
                .argv = WORDS("true"),
                .env = WORDS("A=1"),
                .code = "code",
                .code_name = "x",
        };

        for (uint32_t i = first; i < first + n; i++) {
                Run run = box_start(b, i, program);

                assert_int_equal(box_finish(b, &run).value, 0);
        }
}

static void does_not_grow_in_a_thousand_executions(void **state) {
        Box *b = *state;
        size_t fds;
        long kib;

        run_many(b, 1, 50);
        fds = box_count_fds(b->guest_pid);
        kib = box_read_memory_kib(b->guest_pid);
        run_many(b, 51, 1000);
        assert_int_equal(box_count_fds(b->guest_pid), fds);
        assert_true(box_read_memory_kib(b->guest_pid) - kib <= arg_growth);
}

/* The guest's children that are there, zombies included. */
static size_t count_children(pid_t pid) {
        char path[64], text[65536];
        size_t n = 0;
        FILE *f;

        (void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
        f = fopen(path, "re");
        assert_non_null(f);
        text[fread(text, 1, sizeof(text) - 1, f)] = 0;
        (void)fclose(f);
        for (const char *p = text; (p = strchr(p, ' ')); p++)
                n++;
        return n;
}

/* All at once: the guest is stopped while they end. */
static void reaps_thousands_of_orphans(void **state) {
        static const char command[] =
                "echo up; read go; i=0; while [ $i -lt 3000 ]; do (: &) ; i=$((i+1)); "
                "done; (sleep 1000 <&- >&- 2>&- &) ; exit 9";
        Box *b = *state;
        Run run = box_start(b, 1, (Program){ .argv = SHELL(command) });
        char out[8];

        box_expect(run.out, "up\n", out, sizeof(out)); /* the guest has let it go */
        assert_int_equal(kill(b->guest_pid, SIGSTOP), 0);
        assert_int_equal(write(run.in, "\n", 1), 1);
        box_drain(&run.out, out, sizeof(out)); /* nobody is left that writes */
        assert_true(count_children(b->guest_pid) >= 3000);
        assert_int_equal(kill(b->guest_pid, SIGCONT), 0);

        assert_int_equal(box_finish(b, &run).value, 9);
        for (int i = 0; i < 1000 && count_children(b->guest_pid) > 1; i++)
                (void)poll(NULL, 0, 10);
        assert_int_equal(count_children(b->guest_pid), 1); /* the sleep */
        assert_int_equal(box_run_shell(b, 2, "exit 1", out, sizeof(out)), 1);
}

/* A host that does not read is waited for without a frame lost: first by the guest, whose ends stay
 * in its table, then by the children that want to say that they are there. The two frames of each
 * execution do not all fit the host's queue. */
static void waits_while_the_host_does_not_read(void **state) {
        const uint32_t n = 190, n_drained = 120; /* what these say still fits */
        unsigned n_child[191] = {}, n_exited[191] = {};
        char out[8];

        for (uint32_t i = 1; i <= n; i++) {
                Run run = box_start_held(*state, i, (Program){ .argv = WORDS("true") });

                box_send_go(*state, i);
                if (i <= n_drained) /* it has ended, or is about to */
                        box_drain(&run.out, out, sizeof(out));
                (void)poll(NULL, 0, 2);
                close(run.in);
                close_fd(run.out);
                close(run.err);
        }
        for (uint32_t i = 0; i < 2 * n; i++) {
                GuestFrame f = box_receive(*state);

                assert_true(f.header.exec >= 1 && f.header.exec <= n);
                if (f.header.type == GUEST_FRAME_CHILD) {
                        assert_int_equal(n_child[f.header.exec]++, 0);
                        continue;
                }
                assert_int_equal(f.header.type, GUEST_FRAME_EXITED);
                assert_int_equal(f.exited.value, 0);
                assert_int_equal(n_child[f.header.exec], 1);
                assert_int_equal(n_exited[f.header.exec]++, 0);
        }
        assert_int_equal(box_run_shell(*state, n + 1, "exit 1", out, sizeof(out)), 1);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                IN_BOX(reports_exit_codes_and_signals),
                IN_BOX(connects_the_three_pipes),
                IN_BOX(says_why_a_program_cannot_run),
                IN_BOX(finds_a_program_by_the_path_it_will_have),
                IN_BOX(merges_the_environment),
                IN_BOX(leaves_a_program_no_rights),
                cmocka_unit_test(drops_the_bounding_set_where_it_may),
                IN_BOX(gives_a_program_a_clean_start),
                IN_BOX(keeps_itself_out_of_reach),
                IN_BOX(writes_code_to_a_file_and_removes_it),
                IN_BOX(signals_the_main_process),
                IN_BOX(tells_what_is_left_of_work),
                IN_BOX(runs_as_many_at_once_as_it_may),
                IN_BOX(does_not_grow_in_a_thousand_executions),
                IN_BOX(reaps_thousands_of_orphans),
                IN_BOX(waits_while_the_host_does_not_read),
        };

        arg_paths = box_take_paths(argc, argv, 4);
        arg_growth = strtol(argv[4], NULL, 10);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
