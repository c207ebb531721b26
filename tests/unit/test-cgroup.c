/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What is read from a cgroup's files and written to them, on a directory that has such files. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "cgroup-box.h"
#include "launcher/cgroup.h"

static void bills_what_each_file_says(void **state) {
        const CgroupBox *b = *state;
        LauncherUsage u;

        cgroup_box_write(b, "cpu.stat",
                         "usage_usec 30\nuser_usec 20\nsystem_usec 10\nnr_periods 0\n");
        cgroup_box_write(b, "memory.peak", "4096\n");
        cgroup_box_write(b, "pids.peak", "7\n");
        cgroup_box_write(b, "memory.events", "low 0\nmax 9\noom 2\noom_kill 3\noom_group_kill 1\n");
        cgroup_box_write(b, "pids.events", "max 4\n");
        cgroup_box_write(b, "io.stat",
                         "8:0 rbytes=100 wbytes=10 rios=1\n8:16 rbytes=11 wbytes=5 rios=1\n");
        assert_int_equal(cgroup_read_usage(b->fd, &u), 0);
        assert_int_equal(u.cpu_user_usec, 20);
        assert_int_equal(u.cpu_system_usec, 10);
        assert_int_equal(u.memory_peak_bytes, 4096);
        assert_int_equal(u.tasks_peak, 7);
        assert_int_equal(u.oom_kills, 3);
        assert_int_equal(u.forks_failed, 4);
        assert_int_equal(u.io_read_bytes, 111);
        assert_int_equal(u.io_write_bytes, 15);
}

static void bills_nothing_for_what_is_not_counted(void **state) {
        const CgroupBox *b = *state;
        LauncherUsage u, nothing = {};

        memset(&u, 0xff, sizeof(u));
        assert_int_equal(cgroup_read_usage(b->fd, &u), -ENODEV);
        assert_memory_equal(&u, &nothing, sizeof(u));
        cgroup_box_write(b, "cpu.stat", "usage_usec 30\nuser_usec 20\nsystem_usec 10\n");
        assert_int_equal(cgroup_read_usage(b->fd, &u), 0);
        nothing.cpu_user_usec = 20;
        nothing.cpu_system_usec = 10;
        assert_memory_equal(&u, &nothing, sizeof(u));
        assert_int_equal(cgroup_count_tasks(b->fd), 0);
        assert_int_equal(cgroup_count_failed_forks(b->fd), 0);
}

static void has_children_counted_by_what_there_is_and_no_more(void **state) {
        static const struct {
                const char *available;
                const char *enabled;
        } cases[] = {
                { "cpuset cpu io memory hugetlb pids rdma misc\n", "+memory +pids +cpu +io " },
                { "cpu memory pids\n",                             "+memory +pids +cpu "     },
                { "pids",                                          "+pids "                  },
                { "memoryx cpuset ioo\n",                          "(untouched)"             },
                { "\n",                                            "(untouched)"             },
        };
        const CgroupBox *b = *state;

        assert_int_equal(cgroup_enable_controllers(b->fd), -ENODEV);
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                char text[64];

                cgroup_box_write(b, "cgroup.controllers", cases[i].available);
                cgroup_box_write(b, "cgroup.subtree_control", "(untouched)");
                assert_int_equal(cgroup_enable_controllers(b->fd), 0);
                cgroup_box_read(b, "cgroup.subtree_control", text, sizeof(text));
                /* it is a file here: what was there before stands behind what is shorter */
                assert_memory_equal(text, cases[i].enabled, strlen(cases[i].enabled));
        }
}

static void knows_who_lives_in_it(void **state) {
        const CgroupBox *b = *state;

        assert_false(cgroup_is_populated(b->fd));
        cgroup_box_write(b, "cgroup.events", "populated 1\nfrozen 0\n");
        assert_true(cgroup_is_populated(b->fd));
        cgroup_box_write(b, "cgroup.events", "populated 0\nfrozen 1\n");
        assert_false(cgroup_is_populated(b->fd));
        cgroup_box_write(b, "pids.current", "12\n");
        assert_int_equal(cgroup_count_tasks(b->fd), 12);
}

static void moves_a_process_by_its_number(void **state) {
        const CgroupBox *b = *state;
        char text[64];

        cgroup_box_make(b, "leaf");
        cgroup_box_write(b, "leaf/cgroup.procs", "");
        assert_int_equal(cgroup_move_to_leaf(b->fd, "leaf", 4242), 0);
        cgroup_box_read(b, "leaf/cgroup.procs", text, sizeof(text));
        assert_string_equal(text, "4242");
        assert_int_equal(cgroup_move_to_leaf(b->fd, "no/leaf", 4242), -ENOENT);
}

static void is_inside_by_whole_names_only(void **state _unused_) {
        assert_true(cgroup_contains("/a/b", "/a/b"));
        assert_true(cgroup_contains("/a/b", "/a/b/c"));
        assert_false(cgroup_contains("/a/b", "/a/bc"));
        assert_false(cgroup_contains("/a/b", "/a"));
        assert_false(cgroup_contains("/a/b", "/x/a/b"));
}

static void *say_thread_id(void *fd) {
        pid_t id = gettid();

        (void)!write(*(int *)fd, &id, sizeof(id));
        (void)!read(*(int *)fd, &id, sizeof(id)); /* until the other end is closed */
        return NULL;
}

static void opens_living_processes_and_no_threads(void **state _unused_) {
        pthread_t thread;
        char *cgroup = NULL;
        pid_t pid, thread_id;
        int fds[2];

        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
        assert_int_equal(pthread_create(&thread, NULL, say_thread_id, &fds[1]), 0);
        assert_int_equal(read(fds[0], &thread_id, sizeof(thread_id)), sizeof(thread_id));
        assert_int_equal(cgroup_open_process(thread_id, &cgroup), -ESRCH);
        close_fd(fds[0]);
        assert_int_equal(pthread_join(thread, NULL), 0);
        close_fd(fds[1]);

        pid = fork();
        if (pid == 0)
                _exit(0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        assert_int_equal(cgroup_open_process(pid, &cgroup), -ESRCH);
        assert_null(cgroup);
}

static void tells_the_dead_from_the_living_before_anybody_waits_for_them(void **state _unused_) {
        _cleanup_close_ int pidfd = -EBADF;
        siginfo_t si;
        pid_t pid = fork();

        if (pid == 0) {
                (void)pause();
                _exit(0);
        }
        pidfd = pidfd_open(pid, 0);
        assert_true(pidfd >= 0);
        assert_true(cgroup_process_is_alive(pidfd));
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
        assert_false(cgroup_process_is_alive(pidfd));
        assert_int_equal(waitpid(pid, NULL, 0), pid);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(bills_what_each_file_says, cgroup_box_set_up,
                                                cgroup_box_tear_down),
                cmocka_unit_test_setup_teardown(bills_nothing_for_what_is_not_counted,
                                                cgroup_box_set_up, cgroup_box_tear_down),
                cmocka_unit_test_setup_teardown(has_children_counted_by_what_there_is_and_no_more,
                                                cgroup_box_set_up, cgroup_box_tear_down),
                cmocka_unit_test_setup_teardown(knows_who_lives_in_it, cgroup_box_set_up,
                                                cgroup_box_tear_down),
                cmocka_unit_test_setup_teardown(moves_a_process_by_its_number, cgroup_box_set_up,
                                                cgroup_box_tear_down),
                cmocka_unit_test(is_inside_by_whole_names_only),
                cmocka_unit_test(opens_living_processes_and_no_threads),
                cmocka_unit_test(tells_the_dead_from_the_living_before_anybody_waits_for_them),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
