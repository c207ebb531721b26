/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Who is told what about an execution's cgroup, on directories that are none: that processes are
 * moved and die is the kernel's part. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/cleanup.h"
#include "cgroup-box.h"
#include "launcher/leaf.h"

#define CONTAINER "libpod-0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

typedef struct Told {
        unsigned n;
        uint64_t serial;
        uint32_t left;
        LauncherUsage usage;
} Told;

typedef struct Fixture {
        CgroupBox *box; /* the scope */
        Manager manager;
        Sandbox sandbox;
        char cgroup[32];
        Told told;
} Fixture;

static void on_ended(Sandbox *s _unused_, uint64_t serial, uint32_t left,
                     const LauncherUsage *usage, void *userdata) {
        Told *t = userdata;

        *t = (Told){ .n = t->n + 1, .serial = serial, .left = left, .usage = *usage };
}

static const SandboxEvents events = { .ended = on_ended };

static void write_leaf(const Fixture *f, const char *name, const char *text) {
        char path[256];

        (void)snprintf(path, sizeof(path), CONTAINER "/%s", name);
        cgroup_box_write(f->box, path, text);
}

/* A scope whose container has the leaves guest and exec-7: 20 µs, 3 tasks and a failed fork in the
 * latter, 5 in the scope. */
static int set_up(void **state) {
        Fixture *f = calloc(1, sizeof(*f));

        assert_non_null(f);
        assert_int_equal(cgroup_box_set_up((void **)&f->box), 0);
        cgroup_box_make(f->box, CONTAINER);
        cgroup_box_make(f->box, CONTAINER "/guest");
        cgroup_box_make(f->box, CONTAINER "/exec-7");
        cgroup_box_write(f->box, "pids.events", "max 5\n");
        write_leaf(f, "exec-7/cpu.stat", "user_usec 20\n");
        write_leaf(f, "exec-7/pids.current", "3\n");
        write_leaf(f, "exec-7/pids.events", "max 1\n");
        write_leaf(f, "exec-7/cgroup.events", "populated 1\n");
        write_leaf(f, "exec-7/cgroup.kill", "");

        assert_int_equal(sd_event_new(&f->manager.event), 0);
        f->sandbox = (Sandbox){ .manager = &f->manager,
                                .cgroup_fd = f->box->fd,
                                .events = &events,
                                .userdata = &f->told,
                                .guest_pid = 4242 };
        strcpy(f->cgroup, "/cloche.slice/x.scope");
        f->sandbox.cgroup = f->cgroup;
        strcpy(f->sandbox.container_id, &CONTAINER[strlen("libpod-")]);
        *state = f;
        return 0;
}

static int tear_down(void **state) {
        Fixture *f = *state;

        leaf_free_all(&f->sandbox);
        sd_event_unref(f->manager.event);
        (void)cgroup_box_tear_down((void **)&f->box);
        free(f);
        return 0;
}

static void finds_what_is_there_by_its_name(void **state) {
        Fixture *f = *state;

        cgroup_box_make(f->box, CONTAINER "/exec-0");
        cgroup_box_make(f->box, CONTAINER "/exec-x");
        cgroup_box_make(f->box, CONTAINER "/exec-4294967296");
        assert_int_equal(leaf_end(&f->sandbox, 7, false, 1), LEAF_E_UNKNOWN);
        assert_int_equal(leaf_adopt_all(&f->sandbox), 0);
        assert_int_equal(leaf_end(&f->sandbox, 0, false, 1), LEAF_E_UNKNOWN);
        assert_int_equal(leaf_end(&f->sandbox, 8, true, 1), LEAF_E_UNKNOWN);
        assert_int_equal(f->told.n, 0);
        assert_int_equal(leaf_end(&f->sandbox, 7, false, 1), LEAF_DONE);
        assert_int_equal(f->told.n, 1);
}

static void bills_the_forks_that_failed_since_it_was_made(void **state) {
        Fixture *f = *state;

        assert_int_equal(leaf_adopt_all(&f->sandbox), 0);
        cgroup_box_write(f->box, "pids.events", "max 7\n");
        assert_int_equal(leaf_end(&f->sandbox, 7, false, 99), LEAF_DONE);
        assert_int_equal(f->told.serial, 99);
        assert_int_equal(f->told.left, 3);
        assert_int_equal(f->told.usage.cpu_user_usec, 20);
        assert_int_equal(f->told.usage.forks_failed, 1 + 2);
}

static void is_forgotten_when_it_is_empty_and_was_ended(void **state) {
        Fixture *f = *state;

        assert_int_equal(leaf_adopt_all(&f->sandbox), 0);
        write_leaf(f, "exec-7/cgroup.events", "populated 0\n");
        assert_int_equal(leaf_end(&f->sandbox, 7, false, 1), LEAF_DONE);
        assert_int_equal(f->told.left, 0); /* whatever is counted is dead */
        assert_int_equal(leaf_end(&f->sandbox, 7, false, 2), LEAF_E_UNKNOWN);
        assert_int_equal(f->told.n, 1);
}

static void tells_of_a_kill_when_all_are_dead(void **state) {
        Fixture *f = *state;
        char text[8];

        assert_int_equal(leaf_adopt_all(&f->sandbox), 0);
        assert_int_equal(leaf_end(&f->sandbox, 7, true, 1), LEAF_DONE);
        assert_int_equal(f->told.n, 0);
        cgroup_box_read(f->box, CONTAINER "/exec-7/cgroup.kill", text, sizeof(text));
        assert_string_equal(text, "1");

        /* it is killed again, and what it uses in dying is not billed */
        write_leaf(f, "exec-7/cpu.stat", "user_usec 99\n");
        write_leaf(f, "exec-7/cgroup.kill", "");
        do {
                assert_true(sd_event_run(f->manager.event, USEC_PER_SEC) > 0);
                cgroup_box_read(f->box, CONTAINER "/exec-7/cgroup.kill", text, sizeof(text));
        } while (!text[0]);
        assert_int_equal(f->told.n, 0);
        write_leaf(f, "exec-7/cgroup.events", "populated 0\n");
        while (f->told.n == 0)
                assert_true(sd_event_run(f->manager.event, USEC_PER_SEC) > 0);
        assert_int_equal(f->told.serial, 1);
        assert_int_equal(f->told.left, 0);
        assert_int_equal(f->told.usage.cpu_user_usec, 20);
        assert_int_equal(leaf_end(&f->sandbox, 7, true, 2), LEAF_E_UNKNOWN);
}

static void tells_everybody_who_waits_and_lets_not_everybody_wait(void **state) {
        Fixture *f = *state;

        assert_int_equal(leaf_adopt_all(&f->sandbox), 0);
        for (uint64_t i = 1; i <= LEAF_WAITING_MAX; i++)
                assert_int_equal(leaf_end(&f->sandbox, 7, true, i), LEAF_DONE);
        assert_int_equal(leaf_end(&f->sandbox, 7, true, 100), LEAF_E_TOO_MANY);
        assert_int_equal(f->told.n, 0);
        assert_int_equal(leaf_end(&f->sandbox, 7, false, 200), LEAF_DONE);
        assert_int_equal(f->told.n, 1);
        assert_int_equal(f->told.left, 3);
        leaf_end_all(&f->sandbox);
        assert_int_equal(f->told.n, 1 + LEAF_WAITING_MAX);
        assert_int_equal(f->told.serial, LEAF_WAITING_MAX);
        assert_int_equal(f->told.left, 0);
        assert_int_equal(leaf_end(&f->sandbox, 7, true, 300), LEAF_E_UNKNOWN);
}

static void takes_no_process_in_while_it_is_killed(void **state) {
        Fixture *f = *state;

        assert_int_equal(leaf_adopt_all(&f->sandbox), 0);
        assert_int_equal(leaf_end(&f->sandbox, 7, true, 1), LEAF_DONE);
        assert_int_equal(leaf_place(&f->sandbox, 7, getpid()), LEAF_E_ENDING);
}

static void takes_neither_the_guest_nor_the_dead(void **state) {
        Fixture *f = *state;

        f->sandbox.guest_pid = getpid();
        assert_int_equal(leaf_place(&f->sandbox, 1, getpid()), LEAF_E_FOREIGN);
        assert_int_equal(leaf_place(&f->sandbox, 1, INT32_MAX), LEAF_E_FOREIGN);
        assert_int_equal(leaf_end(&f->sandbox, 1, false, 1), LEAF_E_UNKNOWN);
}

static void takes_no_process_from_outside(void **state) {
        Fixture *f = *state;
        int r = leaf_place(&f->sandbox, 1, getpid());

        /* the latter on a machine that has cgroups of the first version too */
        assert_true(r == LEAF_E_FOREIGN || r == -EBADMSG);
        assert_int_not_equal(faccessat(f->box->fd, CONTAINER "/exec-1", F_OK, 0), 0);
}

static void knows_whether_it_was_the_guest_that_memory_killed(void **state) {
        Fixture *f = *state;

        write_leaf(f, "exec-7/memory.events", "oom_kill 3\n");
        write_leaf(f, "guest/cpu.stat", "user_usec 1\n");
        write_leaf(f, "guest/memory.events", "oom 4\noom_kill 0\n");
        assert_int_equal(leaf_is_guest_oom_killed(&f->sandbox), 0);
        write_leaf(f, "guest/memory.events", "oom 4\noom_kill 1\n");
        assert_int_equal(leaf_is_guest_oom_killed(&f->sandbox), 1);
        f->sandbox.container_id[0] = 'f';
        assert_true(leaf_is_guest_oom_killed(&f->sandbox) < 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(finds_what_is_there_by_its_name),
                TEST(bills_the_forks_that_failed_since_it_was_made),
                TEST(is_forgotten_when_it_is_empty_and_was_ended),
                TEST(tells_of_a_kill_when_all_are_dead),
                TEST(tells_everybody_who_waits_and_lets_not_everybody_wait),
                TEST(takes_no_process_in_while_it_is_killed),
                TEST(takes_neither_the_guest_nor_the_dead),
                TEST(takes_no_process_from_outside),
                TEST(knows_whether_it_was_the_guest_that_memory_killed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
