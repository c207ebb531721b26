/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The list in policy/seccomp, asked for its verdict on calls and arguments by the dozen.
 *
 *   test-seccomp LIST */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>

#include "basic/cleanup.h"
#include "filter.h"

#define HIGH (UINT64_C(1) << 32)

static const char *arg_list;

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

static void lets_unix_inet_and_route_sockets_through_and_no_other(void **state) {
        static const uint64_t protocols[] = { 0,  1,  2,  4,  6,   16,  17,  18,  33,  41,
                                              47, 50, 58, 94, 115, 132, 136, 255, 256, 262 };
        static const uint64_t highs[] = { 0, HIGH, UINT64_C(0xffffffff) << 32, HIGH << 31 };

        for (uint64_t family = 0; family < 64; family++)
                for (uint64_t type = 0; type < 8; type++)
                        for (size_t p = 0; p < ARRAY_SIZE(protocols); p++)
                                for (size_t h = 0; h < ARRAY_SIZE(highs); h++) {
                                        uint64_t protocol = protocols[p];
                                        bool inet =
                                                (family == 2 || family == 10) &&
                                                (type == 1 || type == 2) &&
                                                (protocol == 0 || protocol == 6 || protocol == 17);
                                        bool fine = family == 1 || inet ||
                                                    (family == 16 && protocol == 0);

                                        assert_int_equal(filter_judge(*state, "socket",
                                                                      highs[h] | family, type,
                                                                      protocol),
                                                         fine && highs[h] == 0 ? 0 : ENOSYS);
                                }
}

static void does_not_mind_flags_in_a_socket_type(void **state) {
        const uint64_t flags = SOCK_NONBLOCK | SOCK_CLOEXEC;

        assert_int_equal(filter_judge(*state, "socket", 2, SOCK_STREAM | flags, 6), 0);
        assert_int_equal(filter_judge(*state, "socket", 10, SOCK_DGRAM | SOCK_CLOEXEC, 0), 0);
        assert_int_equal(filter_judge(*state, "socket", 1, SOCK_STREAM | flags, 0), 0);
        assert_int_equal(filter_judge(*state, "socket", 2, SOCK_RAW | flags, 0), ENOSYS);
        assert_int_equal(filter_judge(*state, "socket", 2, HIGH | SOCK_STREAM, 0), ENOSYS);
        assert_int_equal(filter_judge(*state, "socket", 2, SOCK_STREAM, HIGH), ENOSYS);
        assert_int_equal(filter_judge(*state, "socket", 16, SOCK_RAW, HIGH), ENOSYS);
        assert_int_equal(filter_judge(*state, "socketpair", 1, SOCK_STREAM | flags, 0), 0);
        for (uint64_t family = 2; family < 64; family++)
                assert_int_equal(filter_judge(*state, "socketpair", family, SOCK_STREAM, 0),
                                 ENOSYS);
}

static void makes_no_new_namespace(void **state) {
        static const uint64_t namespaces[] = {
                0x20000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000,
        };
        const uint64_t thread = 0x3d0f00, fork_like = 0x01200011;

        assert_int_equal(filter_judge(*state, "clone", thread, 0, 0), 0);
        assert_int_equal(filter_judge(*state, "clone", fork_like, 0, 0), 0);
        assert_int_equal(filter_judge(*state, "clone", 0x4111, 0, 0), 0); /* vfork's */
        assert_int_equal(filter_judge(*state, "unshare", 0x600, 0, 0),
                         0); /* CLONE_FS | CLONE_FILES */
        for (size_t i = 0; i < ARRAY_SIZE(namespaces); i++) {
                const uint64_t flag = namespaces[i];

                assert_int_equal(filter_judge(*state, "clone", flag | SIGCHLD, 0, 0), ENOSYS);
                assert_int_equal(filter_judge(*state, "clone", HIGH | flag | fork_like, 0, 0),
                                 ENOSYS);
                assert_int_equal(filter_judge(*state, "unshare", flag, 0, 0), ENOSYS);
                assert_int_equal(filter_judge(*state, "unshare", HIGH | flag | 0x400, 0, 0),
                                 ENOSYS);
        }
        assert_int_equal(filter_judge(*state, "clone", UINT64_C(0xf00000010000000) | 17, 0, 0),
                         ENOSYS);
        assert_int_equal(filter_judge(*state, "unshare", 0x80, 0, 0), ENOSYS); /* CLONE_NEWTIME */
        assert_int_equal(filter_judge(*state, "clone3", 0, 0, 0), ENOSYS);
        assert_int_equal(filter_judge(*state, "setns", 3, 0, 0), EPERM);
}

static void gives_a_program_its_own_limits_only(void **state) {
        const uint64_t pointer = 0x7fff0000;

        for (uint64_t resource = 0; resource < 64; resource++) {
                int expected = resource < 16 && resource != 4 ? 0 : ENOSYS;

                assert_int_equal(filter_judge(*state, "prlimit64", 0, resource, pointer), expected);
                assert_int_equal(filter_judge(*state, "prlimit64", 0, HIGH | resource, pointer),
                                 ENOSYS);
                assert_int_equal(filter_judge(*state, "prlimit64", 0, resource, 0),
                                 0); /* only reads */
                assert_int_equal(filter_judge(*state, "prlimit64", 1, resource, pointer), ENOSYS);
                assert_int_equal(filter_judge(*state, "prlimit64", 1, resource, 0), ENOSYS);
                assert_int_equal(filter_judge(*state, "prlimit64", HIGH, resource, pointer),
                                 ENOSYS);
                assert_int_equal(filter_judge(*state, "setrlimit", resource, pointer, 0), expected);
        }
}

static void keeps_the_personality_ordinary(void **state) {
        static const uint64_t fine[] = { 0, 8, 0x20000, 0x20008, 0xffffffff };

        for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
                assert_int_equal(filter_judge(*state, "personality", fine[i], 0, 0), 0);
                assert_int_equal(filter_judge(*state, "personality", HIGH | fine[i], 0, 0), ENOSYS);
        }
        for (unsigned bit = 0; bit < 64; bit++)
                if (bit != 3 && bit != 17)
                        assert_int_equal(
                                filter_judge(*state, "personality", UINT64_C(1) << bit, 0, 0),
                                ENOSYS);
        assert_int_equal(filter_judge(*state, "personality", UINT64_MAX, 0, 0), ENOSYS);
}

static void forbids_what_reaches_deep_into_the_kernel(void **state) {
        static const char *const forbidden[] = {
                "mount",
                "umount2",
                "pivot_root",
                "chroot",
                "fsopen",
                "fsconfig",
                "fsmount",
                "fspick",
                "move_mount",
                "open_tree",
                "mount_setattr",
                "statmount",
                "listmount",
                "open_tree_attr",
                "syslog",
                "reboot",
                "acct",
                "swapon",
                "swapoff",
                "kexec_load",
                "kexec_file_load",
                "quotactl",
                "quotactl_fd",
                "init_module",
                "finit_module",
                "delete_module",
                "bpf",
                "perf_event_open",
                "lookup_dcookie",
                "fanotify_init",
                "fanotify_mark",
                "name_to_handle_at",
                "open_by_handle_at",
                "settimeofday",
                "clock_settime",
                "sethostname",
                "setdomainname",
                "vhangup",
                "iopl",
                "ioperm",
                "modify_ldt",
                "ptrace",
                "kcmp",
                "process_vm_readv",
                "process_vm_writev",
                "process_madvise",
                "process_mrelease",
                "pidfd_getfd",
                "keyctl",
                "add_key",
                "request_key",
                "memfd_secret",
                "mbind",
                "get_mempolicy",
                "set_mempolicy",
                "migrate_pages",
                "move_pages",
                "userfaultfd",
                "vmsplice",
                "io_uring_setup",
                "io_uring_enter",
                "io_uring_register",
                "set_mempolicy_home_node",
                "uselib",
                "_sysctl",
                "nfsservctl",
                "sysfs",
                "ustat",
                "remap_file_pages",
        };

        for (size_t i = 0; i < ARRAY_SIZE(forbidden); i++) {
                int r = filter_judge(*state, forbidden[i], 0, 0, 0);

                if (r != EPERM && r != ENOSYS)
                        fail_msg("%s: %d", forbidden[i], r);
        }
        assert_int_equal(filter_judge(*state, "mount", 0, 0, 0), EPERM); /* names do resolve */
        assert_int_equal(filter_judge(*state, "io_uring_setup", 0, 0, 0), ENOSYS);
}

static void allows_what_the_guest_and_libc_cannot_do_without(void **state) {
        static const char *const allowed[] = {
                "read",
                "write",
                "openat",
                "close",
                "mmap",
                "munmap",
                "mprotect",
                "brk",
                "rt_sigaction",
                "rt_sigprocmask",
                "rt_sigreturn",
                "execve",
                "execveat",
                "exit",
                "exit_group",
                "futex",
                "set_tid_address",
                "rseq",
                "getrandom",
                "wait4",
                "kill",
                "seccomp",
                "prctl",
                "statx",
                "newfstatat",
                "getdents64",
                "clock_nanosleep",
                "epoll_pwait",
                "memfd_create",
                "set_robust_list",
                "pidfd_open",
                "ioctl",
                "fcntl",
                "sched_getaffinity",
        };

        for (size_t i = 0; i < ARRAY_SIZE(allowed); i++)
                if (filter_judge(*state, allowed[i], 0, 0, 0) != 0)
                        fail_msg("%s is forbidden", allowed[i]);
}

static void answers_enosys_to_numbers_that_nobody_knows(void **state) {
        const uint64_t args[6] = {};

        for (int nr = 480; nr < 5000; nr++)
                assert_int_equal(filter_judge_number(*state, seccomp_arch_native(), nr, args),
                                 ENOSYS);
}

static void kills_at_the_door_of_another_architecture(void **state) {
        static const uint32_t foreign[] = {
                SCMP_ARCH_X86,     SCMP_ARCH_X86_64, SCMP_ARCH_X32,     SCMP_ARCH_ARM,
                SCMP_ARCH_AARCH64, SCMP_ARCH_S390X,  SCMP_ARCH_RISCV64, 0,
        };
        const uint64_t args[6] = {};

        for (size_t i = 0; i < ARRAY_SIZE(foreign); i++)
                for (int nr = 0; nr < 500; nr++)
                        if (foreign[i] != seccomp_arch_native() && foreign[i] != SCMP_ARCH_X32)
                                assert_int_equal(filter_judge_number(*state, foreign[i], nr, args),
                                                 -1);
        if (seccomp_arch_native() == SCMP_ARCH_X86_64) /* x32 has the arch of x86_64 */
                for (int nr = 0; nr < 600; nr++)
                        assert_int_equal(filter_judge_number(*state, SCMP_ARCH_X86_64,
                                                             nr | 0x40000000, args),
                                         -1);
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(lets_unix_inet_and_route_sockets_through_and_no_other),
                cmocka_unit_test(does_not_mind_flags_in_a_socket_type),
                cmocka_unit_test(makes_no_new_namespace),
                cmocka_unit_test(gives_a_program_its_own_limits_only),
                cmocka_unit_test(keeps_the_personality_ordinary),
                cmocka_unit_test(forbids_what_reaches_deep_into_the_kernel),
                cmocka_unit_test(allows_what_the_guest_and_libc_cannot_do_without),
                cmocka_unit_test(answers_enosys_to_numbers_that_nobody_knows),
                cmocka_unit_test(kills_at_the_door_of_another_architecture),
        };

        if (argc < 2)
                return 2;
        arg_list = argv[1];
        return cmocka_run_group_tests(tests, set_up, tear_down);
}
