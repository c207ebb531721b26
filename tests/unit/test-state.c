/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "basic/fd.h"
#include "launcher/state.h"

/* Stands where systemd's notification socket is, and keeps the descriptor that is stored. */
static int make_store(char path[static 64]) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        strcpy(path, "/tmp/test-state-XXXXXX");
        assert_non_null(mkdtemp(path));
        strcat(path, "/notify");
        strcpy(sa.sun_path, path);
        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
        setenv("NOTIFY_SOCKET", path, 1);
        return fd;
}

static int receive_stored(int store) {
        int fd = -1;

        for (;;) {
                char text[256] = "";
                ssize_t n = fd_receive(store, text, sizeof(text) - 1, &fd, 1, NULL);

                assert_true(n > 0);
                if (fd >= 0) {
                        assert_non_null(strstr(text, "FDSTORE=1"));
                        assert_non_null(strstr(text, "FDNAME=state"));
                        return fd;
                }
        }
}

static void gives_back_after_a_crash_what_was_written(void **test) {
        char path[64];
        int store = make_store(path), fd;
        StateConnection *c;
        StateSandbox *b;
        State *s;
        bool resumed;

        (void)test;
        assert_int_equal(state_open(-1, &s, &resumed), 0);
        assert_false(resumed);
        fd = receive_stored(store);

        c = state_new_connection(s);
        assert_non_null(c);
        strcpy(c->sequence.connection, "0123456789abcdef0123456789abcdef");
        c->sequence.last = 42;
        c->uid = 1000;
        c->used = 1;
        b = state_new_sandbox(s);
        assert_non_null(b);
        b->guest_pid = 4242;
        b->used = 1;
        state_close(s);

        assert_int_equal(state_open(fd, &s, &resumed), 0);
        assert_true(resumed);
        assert_int_equal(s->connections[0].used, 1);
        assert_int_equal(s->connections[0].uid, 1000);
        assert_int_equal(s->connections[0].sequence.last, 42);
        assert_int_equal(s->sandboxes[0].used, 1);
        assert_int_equal(s->sandboxes[0].guest_pid, 4242);
        state_close(s);

        close(store);
        unlink(path);
        *strrchr(path, '/') = 0;
        rmdir(path);
        unsetenv("NOTIFY_SOCKET");
}

static void starts_afresh_from_a_memory_of_another_shape(void **test) {
        int fd = memfd_create("not-a-state", MFD_CLOEXEC);
        State *s;
        bool resumed;

        (void)test;
        assert_int_equal(ftruncate(fd, 100), 0);
        assert_int_equal(state_open(fd, &s, &resumed), 0);
        assert_false(resumed);
        state_close(s);

        fd = memfd_create("another-version", MFD_CLOEXEC);
        assert_int_equal(ftruncate(fd, sizeof(State)), 0);
        assert_int_equal(state_open(fd, &s, &resumed), 0);
        assert_false(resumed);
        state_close(s);
}

static void has_no_record_left_when_all_are_used(void **test) {
        StateConnection *c;
        StateSandbox *b;
        State *s;
        bool resumed;
        size_t n = 0, m = 0;

        (void)test;
        assert_int_equal(state_open(-1, &s, &resumed), 0);
        while ((c = state_new_connection(s))) {
                c->used = 1;
                n++;
        }
        while ((b = state_new_sandbox(s))) {
                b->used = 1;
                m++;
        }
        assert_int_equal(n, CONNECTIONS_MAX);
        assert_int_equal(m, STATE_SANDBOXES_MAX);
        s->connections[3].used = 0;
        assert_ptr_equal(state_new_connection(s), &s->connections[3]);
        state_close(s);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(gives_back_after_a_crash_what_was_written),
                cmocka_unit_test(starts_afresh_from_a_memory_of_another_shape),
                cmocka_unit_test(has_no_record_left_when_all_are_used),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
