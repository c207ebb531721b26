/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list in policy/seccomp, with a program under it for real (seccomp-probe.c), as another user.
 *
 *   test-seccomp-live LIST PROBE */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "filter.h"

#define UNPRIVILEGED 65534
#define HIGH         (UINT64_C(1) << 32)

static const char *arg_list, *arg_probe;

static int set_up(void **state) {
        static Filter filter;

        filter = filter_load(arg_list);
        *state = &filter;
        return 0;
}

static int tear_down(void **state) {
        filter_done(*state);
        return 0;
}

/* Runs the probe under the filter, input on its stdin, its stdout in output. Returns its status. */
static int run_probe(const Filter *f, const char *mode, const char *input, char *output,
                     size_t output_size) {
        _cleanup_close_ int in_fd = fd_new_sealed("input", input, strlen(input));
        _cleanup_close_ int out_fd = memfd_create("output", MFD_CLOEXEC);
        int status;
        ssize_t n;
        pid_t pid;

        pid = fork();
        assert_true(pid >= 0);
        if (pid == 0) {
                const struct sock_fprog program = { (unsigned short)f->n, f->program };

                if (geteuid() == 0 && (setgroups(0, NULL) < 0 ||
                                       setresgid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED) < 0 ||
                                       setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED) < 0))
                        _exit(90);
                if (dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 ||
                    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) < 0)
                        _exit(91);
                execl(arg_probe, "seccomp-probe", mode, NULL);
                _exit(92);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        n = pread(out_fd, output, output_size - 1, 0);
        assert_true(n >= 0);
        output[n] = 0;
        return status;
}

typedef struct Call {
        const char *name;
        uint64_t args[3];
        int error; /* 0: must succeed; -1: any failure */
} Call;

static void make_calls(const Filter *f, const Call *calls, size_t n) {
        char input[8192] = "", output[8192];
        const char *p = output;
        size_t size = 0;

        for (size_t i = 0; i < n; i++) {
                int nr = seccomp_syscall_resolve_name(calls[i].name);

                size += (size_t)snprintf(input + size, sizeof(input) - size,
                                         "%x %" PRIx64 " %" PRIx64 " %" PRIx64 " 0 0 0\n",
                                         nr < 0 ? 4999U : (unsigned)nr, calls[i].args[0],
                                         calls[i].args[1], calls[i].args[2]);
                assert_true(size < sizeof(input));
        }
        assert_int_equal(run_probe(f, "calls", input, output, sizeof(output)), 0);
        for (size_t i = 0; i < n; i++) {
                int result, error, used;

                assert_int_equal(sscanf(p, "%d %d\n%n", &result, &error, &used), 2);
                p += used;
                if (calls[i].error < 0 ? error == 0 : error != calls[i].error)
                        fail_msg("%s(%#" PRIx64 ", %#" PRIx64 ", %#" PRIx64 ") = %d, errno %d",
                                 calls[i].name, calls[i].args[0], calls[i].args[1],
                                 calls[i].args[2], result, error);
        }
}

static Call call_socket(uint64_t family, uint64_t type, uint64_t protocol, int error) {
        return (Call){
                .name = "socket",
                .args = { family, type, protocol },
                .error = error,
        };
}

static void opens_only_the_sockets_it_should_for_real(void **state) {
        for (uint64_t type = SOCK_STREAM; type <= SOCK_RAW; type++) {
                Call calls[46 + 45];
                size_t n = 0;

                for (uint64_t family = 0; family < 46; family++) {
                        bool inet = family == AF_INET || family == AF_INET6;
                        bool fine = family == AF_UNIX || (inet && type != SOCK_RAW) ||
                                    (family == AF_NETLINK && type != SOCK_STREAM);

                        calls[n++] = call_socket(family, type, 0, fine ? 0 : -1);
                }
                for (uint64_t family = 1; family < 46; family++)
                        calls[n++] = call_socket(HIGH | family, type, 0, -1);
                make_calls(*state, calls, n);
        }
        for (uint64_t protocol = 1; protocol < 23; protocol++) {
                Call call = call_socket(AF_NETLINK, SOCK_RAW, protocol, ENOSYS);

                make_calls(*state, &call, 1);
        }
}

static void refuses_calls_for_real(void **state) {
        static const Call calls[] = {
                { "io_uring_setup",    { 1, 0, 0 },          ENOSYS },
                { "io_uring_enter",    { 0, 0, 0 },          ENOSYS },
                { "io_uring_register", { 0, 0, 0 },          ENOSYS },
                { "userfaultfd",       { 0, 0, 0 },          EPERM  },
                { "bpf",               { 0, 0, 0 },          EPERM  },
                { "perf_event_open",   { 0, 0, 0 },          EPERM  },
                { "kexec_load",        { 0, 0, 0 },          EPERM  },
                { "init_module",       { 0, 0, 0 },          EPERM  },
                { "swapon",            { 0, 0, 0 },          EPERM  },
                { "unshare",           { 0x10000000, 0, 0 }, ENOSYS },
                { "clone",             { 0x10000011, 0, 0 }, ENOSYS },
                { "clone3",            { 0, 0, 0 },          ENOSYS },
                { "setns",             { 0, 0, 0 },          EPERM  },
                { "mount",             { 0, 0, 0 },          EPERM  },
                { "fsopen",            { 0, 0, 0 },          EPERM  },
                { "open_tree",         { 0, 0, 0 },          EPERM  },
                { "move_mount",        { 0, 0, 0 },          EPERM  },
                { "pivot_root",        { 0, 0, 0 },          EPERM  },
                { "umount2",           { 0, 0, 0 },          EPERM  },
                { "keyctl",            { 0, 0, 0 },          EPERM  },
                { "add_key",           { 0, 0, 0 },          EPERM  },
                { "request_key",       { 0, 0, 0 },          EPERM  },
                { "ptrace",            { 16, 1, 0 },         EPERM  },
                { "process_vm_readv",  { 1, 0, 0 },          EPERM  },
                { "pidfd_getfd",       { 0, 0, 0 },          EPERM  },
                { "name_to_handle_at", { 0, 0, 0 },          EPERM  },
                { "open_by_handle_at", { 0, 0, 0 },          EPERM  },
                { "syslog",            { 3, 0, 0 },          EPERM  },
                { "personality",       { 0x40000, 0, 0 },    ENOSYS },
                { "sethostname",       { 0, 0, 0 },          EPERM  },
                { "settimeofday",      { 0, 0, 0 },          EPERM  },
                { "reboot",            { 0, 0, 0 },          EPERM  },
                { "prlimit64",         { 1, 0, 0 },          ENOSYS },
                { "personality",       { 0xffffffff, 0, 0 }, 0      },
                { "getpid",            { 0, 0, 0 },          0      },
        };

        make_calls(*state, calls, ARRAY_SIZE(calls));
}

static void kills_a_program_that_takes_another_door(void **state) {
        static const char *const modes[] = { "doors", "x32" };
        char output[16];

        if (seccomp_arch_native() != SCMP_ARCH_X86_64) {
                print_message("only x86_64 has other doors\n");
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(modes); i++) {
                int status = run_probe(*state, modes[i], "", output, sizeof(output));

                assert_true(WIFSIGNALED(status));
                /* or there is no such door: a kernel without 32-bit calls faults the instruction */
                assert_true(WTERMSIG(status) == SIGSYS || (i == 0 && WTERMSIG(status) == SIGSEGV));
        }
}

static void lets_ordinary_work_be_done(void **state) {
        char output[16];

        assert_int_equal(run_probe(*state, "work", "", output, sizeof(output)), 0);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(opens_only_the_sockets_it_should_for_real),
                cmocka_unit_test(refuses_calls_for_real),
                cmocka_unit_test(kills_a_program_that_takes_another_door),
                cmocka_unit_test(lets_ordinary_work_be_done),
        };

        if (argc < 3)
                return 2;
        arg_list = argv[1];
        arg_probe = argv[2];
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
