/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/process.h"

#define WORDS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static ProcessEnd wait_for(int pidfd) {
        struct pollfd p = { .fd = pidfd, .events = POLLIN };
        ProcessEnd end = { .code = -2 };

        assert_int_equal(poll(&p, 1, 10000), 1);
        assert_int_equal(process_wait(pidfd, &end), 1);
        return end;
}

/* Runs it with its stdout into text; returns its exit code. */
static int run(ProcessSpec spec, char *text, size_t size) {
        _cleanup_close_ int read_fd = -EBADF, pidfd = -EBADF;
        int fds[2];
        size_t n = 0;
        ssize_t m;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        read_fd = fds[0];
        spec.stdio[1] = fds[1];
        assert_int_equal(process_spawn(&spec, &pidfd, NULL), 0);
        (void)close(fds[1]);
        while ((m = read(read_fd, text + n, size - 1 - n)) > 0)
                n += (size_t)m;
        text[n] = 0;
        return wait_for(pidfd).code;
}

static const ProcessSpec shell = {
        .path = "/bin/sh", .stdio = { -1, -1, -1 }
};

static int run_shell(const char *script, const char *const *env, char *text, size_t size) {
        ProcessSpec spec = shell;

        spec.argv = WORDS("sh", "-c", script);
        spec.env = env;
        return run(spec, text, size);
}

static void gives_exactly_the_listed_environment(_unused_ void **state) {
        char text[512];
        ProcessSpec spec = {
                .path = "/usr/bin/env",
                .argv = WORDS("env"),
                .env = WORDS("A=b", "PATH=/nowhere"),
                .stdio = { -1, -1, -1 },
        };

        assert_int_equal(setenv("CANARY", "1", 1), 0);
        assert_int_equal(run(spec, text, sizeof(text)), 0);
        assert_string_equal(text, "A=b\nPATH=/nowhere\n");
}

static void passes_the_listed_descriptors_and_no_other(_unused_ void **state) {
        _cleanup_close_ int a = open("/dev/zero", O_RDONLY), b = open("/dev/full", O_RDWR);
        char text[512];
        ProcessSpec spec = {
                .path = "/bin/ls",
                .argv = WORDS("ls", "/proc/self/fd"),
                .env = WORDS("A=b"),
                .stdio = { -1, -1, -1 },
                .fds = (const int[]){ b, a },
                .n_fds = 2,
        };

        assert_true(a >= 0 && b >= 0); /* and both without O_CLOEXEC */
        assert_int_equal(run(spec, text, sizeof(text)), 0);
        assert_string_equal(text, "0\n1\n2\n3\n4\n5\n"); /* 5 is the directory */
}

static void puts_descriptors_in_their_places_whatever_their_numbers(_unused_ void **state) {
        static const char script[] = "for i in 0 2 3 4; do readlink /proc/self/fd/$i; done";
        int full = open("/dev/full", O_RDWR), zero = open("/dev/zero", O_RDWR);
        char text[512];
        ProcessSpec spec = shell;

        assert_true(dup2(full, 64) == 64 && dup2(zero, 65) == 65);
        (void)close(full);
        (void)close(zero);
        /* 4 wants to be 3 and 3 wants to be 4 */
        assert_true(dup2(64, 4) == 4 && dup2(65, 3) == 3);
        spec.argv = WORDS("sh", "-c", script);
        spec.env = WORDS("PATH=/usr/bin:/bin");
        spec.stdio[0] = 4;
        spec.fds = (const int[]){ 4, 3 };
        spec.n_fds = 2;
        assert_int_equal(run(spec, text, sizeof(text)), 0);
        assert_string_equal(text, "/dev/full\n/dev/null\n/dev/full\n/dev/zero\n");
        for (int fd = 64; fd < 66; fd++)
                (void)close(fd);
        (void)close(3);
        (void)close(4);
}

static void resets_signals_session_and_directory(_unused_ void **state) {
        sigset_t set, old;
        char text[512];

        assert_int_equal(sigemptyset(&set), 0);
        assert_int_equal(sigaddset(&set, SIGTERM), 0);
        assert_int_equal(sigprocmask(SIG_BLOCK, &set, &old), 0);
        assert_true(signal(SIGPIPE, SIG_IGN) != SIG_ERR);
        assert_int_equal(
                run_shell("grep -E 'Sig(Blk|Ign)' /proc/self/status; pwd; "
                          "ps -o sid= -p $$ | tr -d ' ' | grep -x $$ >/dev/null && echo own",
                          WORDS("PATH=/usr/bin:/bin"), text, sizeof(text)),
                0);
        assert_string_equal(text, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n/\nown\n");
        assert_int_equal(sigprocmask(SIG_SETMASK, &old, NULL), 0);
        assert_true(signal(SIGPIPE, SIG_DFL) != SIG_ERR);
}

static void says_why_a_program_was_not_executed(_unused_ void **state) {
        ProcessSpec spec = shell;
        int pidfd = -7;

        spec.argv = WORDS("x");
        spec.env = WORDS("A=b");
        spec.path = "/nonexistent/program";
        assert_int_equal(process_spawn(&spec, &pidfd, NULL), -ENOENT);
        spec.path = "/proc/self/status";
        assert_int_equal(process_spawn(&spec, &pidfd, NULL), -EACCES);
        spec.path = "/bin/sh";
        spec.stdio[0] = 12345;
        assert_int_equal(process_spawn(&spec, &pidfd, NULL), -EBADF);
        spec.stdio[0] = -1;
        spec.n_fds = PROCESS_FDS_MAX + 1;
        assert_int_equal(process_spawn(&spec, &pidfd, NULL), -EINVAL);
        assert_int_equal(pidfd, -7);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD); /* none is left to wait for */
}

static void tells_exit_codes_from_signals(_unused_ void **state) {
        static const struct {
                const char *script;
                ProcessEnd end;
        } cases[] = {
                { "exit 0",        { 0, 0 }   },
                { "exit 255",      { 255, 0 } },
                { "kill -9 $$",    { -1, 9 }  },
                { "kill -USR1 $$", { -1, 10 } },
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                _cleanup_close_ int pidfd = -EBADF;
                ProcessSpec spec = shell;
                ProcessEnd end;

                spec.argv = WORDS("sh", "-c", cases[i].script);
                spec.env = WORDS("A=b");
                assert_int_equal(process_spawn(&spec, &pidfd, NULL), 0);
                end = wait_for(pidfd);
                assert_int_equal(end.code, cases[i].end.code);
                assert_int_equal(end.signal, cases[i].end.signal);
        }
}

static void ends_a_program_that_would_go_on(_unused_ void **state) {
        ProcessSpec spec = shell;
        int pidfd = -EBADF;

        spec.argv = WORDS("sh", "-c", "trap '' TERM INT HUP; while :; do sleep 1000; done");
        spec.env = WORDS("PATH=/usr/bin:/bin");
        assert_int_equal(process_spawn(&spec, &pidfd, NULL), 0);
        assert_int_equal(process_wait(pidfd, NULL), 0);
        pidfd = process_end(pidfd);
        assert_int_equal(pidfd, -EBADF);
        assert_int_equal(process_end(pidfd), -EBADF);
        assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
        assert_int_equal(errno, ECHILD);
}

/* The program's parent, which ends at once and tells its number. */
static void be_a_parent(int write_fd) {
        ProcessSpec spec = shell;
        pid_t pid;
        int pidfd;

        spec.path = "/bin/sleep";
        spec.argv = WORDS("sleep", "1000");
        spec.env = WORDS("A=b");
        spec.die_with_parent = true;
        if (process_spawn(&spec, &pidfd, &pid) < 0)
                _exit(1);
        if (write(write_fd, &pid, sizeof(pid)) != sizeof(pid))
                _exit(1);
        _exit(0);
}

static void kills_the_program_with_its_parent(_unused_ void **state) {
        pid_t parent, pid = 0;
        int fds[2], status = 0;

        assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        parent = fork();
        assert_true(parent >= 0);
        if (parent == 0)
                be_a_parent(fds[1]);
        assert_int_equal(read(fds[0], &pid, sizeof(pid)), sizeof(pid));
        assert_true(pid > 0);
        assert_int_equal(waitpid(parent, &status, 0), parent);
        assert_int_equal(status, 0);
        assert_int_equal(waitpid(pid, &status, 0),
                         pid); /* ours by adoption; would hang if it lived */
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        (void)close(fds[0]);
        (void)close(fds[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(gives_exactly_the_listed_environment),
                cmocka_unit_test(passes_the_listed_descriptors_and_no_other),
                cmocka_unit_test(puts_descriptors_in_their_places_whatever_their_numbers),
                cmocka_unit_test(resets_signals_session_and_directory),
                cmocka_unit_test(says_why_a_program_was_not_executed),
                cmocka_unit_test(tells_exit_codes_from_signals),
                cmocka_unit_test(ends_a_program_that_would_go_on),
                cmocka_unit_test(kills_the_program_with_its_parent),
        };

        (void)alarm(60);
        return cmocka_run_group_tests(tests, NULL, NULL);
}
