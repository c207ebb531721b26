/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Descriptors on the way: what arrives, what is closed, and that nothing stays open. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "basic/cleanup.h"
#include "basic/fd.h"
#include "basic/limits.h"

static size_t count_open_fds(void) {
        DIR *d = opendir("/proc/self/fd");
        size_t n = 0;

        assert_non_null(d);
        while (readdir(d))
                n++;
        closedir(d);
        return n;
}

static void make_pair(int pair[static 2]) {
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
}

/* Sends n descriptors of /dev/null in one datagram, however many fd_send() would allow. */
static void send_raw(int fd, const void *data, size_t size, size_t n) {
        union {
                struct cmsghdr align;
                char buffer[CMSG_SPACE(sizeof(int) * 64)];
        } control = {};
        struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = size };
        struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
        _cleanup_close_ int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_true(n <= 64);
        assert_true(null_fd >= 0);
        if (n > 0) {
                struct cmsghdr *cmsg;

                mh.msg_control = &control;
                mh.msg_controllen = CMSG_SPACE(sizeof(int) * n);
                cmsg = CMSG_FIRSTHDR(&mh);
                cmsg->cmsg_level = SOL_SOCKET;
                cmsg->cmsg_type = SCM_RIGHTS;
                cmsg->cmsg_len = CMSG_LEN(sizeof(int) * n);
                for (size_t i = 0; i < n; i++)
                        memcpy(CMSG_DATA(cmsg) + i * sizeof(int), &null_fd, sizeof(int));
        }
        assert_true(sendmsg(fd, &mh, 0) >= 0);
}

static void carries_data_and_descriptors(void **state _unused_) {
        int pair[2], pipe_fds[2], got[DATAGRAM_FDS_MAX];
        char buffer[16] = "";
        size_t n_fds;

        make_pair(pair);
        assert_int_equal(pipe2(pipe_fds, O_CLOEXEC), 0);
        assert_int_equal(fd_send(pair[0], "hello", 5, pipe_fds, 2), 0);
        assert_int_equal(fd_receive(pair[1], buffer, sizeof(buffer), got, 4, &n_fds), 5);
        assert_string_equal(buffer, "hello");
        assert_int_equal(n_fds, 2);
        assert_int_equal(got[2], -EBADF);
        assert_int_equal(got[3], -EBADF);
        assert_int_equal(fcntl(got[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);

        assert_int_equal(write(got[1], "x", 1), 1); /* it is that pipe */
        assert_int_equal(read(pipe_fds[0], buffer, 1), 1);
        for (size_t i = 0; i < 2; i++) {
                close(got[i]);
                close(pipe_fds[i]);
                close(pair[i]);
        }
}

static void never_blocks(void **state _unused_) {
        char buffer[16];
        int pair[2], r, n = 0;

        make_pair(pair);
        assert_int_equal(fd_receive(pair[1], buffer, sizeof(buffer), NULL, 0, NULL), -EAGAIN);
        do
                r = fd_send(pair[0], "x", 1, NULL, 0);
        while (r == 0 && ++n < 100000);
        assert_int_equal(r, -EAGAIN);
        close(pair[0]);
        close(pair[1]);
}

static void tells_the_end_of_a_connection(void **state _unused_) {
        char buffer[16];
        int pair[2];

        make_pair(pair);
        close(pair[0]);
        assert_int_equal(fd_receive(pair[1], buffer, sizeof(buffer), NULL, 0, NULL), 0);
        assert_int_equal(fd_send(pair[1], "x", 1, NULL, 0), -EPIPE);
        close(pair[1]);
}

static void closes_descriptors_nobody_asked_for(void **state _unused_) {
        static const struct {
                size_t sent, wanted;
        } cases[] = {
                { 1,  0 },
                { 2,  1 },
                { 5,  4 },
                { 6,  5 }, /* more than the control buffer was made for */
                { 14, 5 }, /* as many as its padding has room for */
                { 60, 5 },
                { 60, 0 },
        };
        int pair[2], got[DATAGRAM_FDS_MAX];
        char buffer[16];
        size_t before;

        make_pair(pair);
        before = count_open_fds();
        for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
                send_raw(pair[0], "x", 1, cases[i].sent);
                assert_int_equal(
                        fd_receive(pair[1], buffer, sizeof(buffer), got, cases[i].wanted, NULL),
                        -EBADMSG);
                assert_int_equal(count_open_fds(), before);
        }
        close(pair[0]);
        close(pair[1]);
}

static void refuses_what_is_longer_than_its_place(void **state _unused_) {
        int pair[2], got[1];
        char buffer[4];
        size_t before;

        make_pair(pair);
        before = count_open_fds();
        send_raw(pair[0], "hello", 5, 1);
        assert_int_equal(fd_receive(pair[1], buffer, sizeof(buffer), got, 1, NULL), -EBADMSG);
        assert_int_equal(count_open_fds(), before);
        send_raw(pair[0], "four", 4, 0);
        assert_int_equal(fd_receive(pair[1], buffer, sizeof(buffer), got, 1, NULL), 4);
        close(pair[0]);
        close(pair[1]);
}

static void does_not_take_an_empty_datagram_with_descriptors_for_the_end(void **state _unused_) {
        int pair[2], got[1];
        char buffer[4];
        size_t before;

        make_pair(pair);
        before = count_open_fds();
        send_raw(pair[0], "", 0, 1);
        assert_int_equal(fd_receive(pair[1], buffer, sizeof(buffer), got, 1, NULL), -EBADMSG);
        assert_int_equal(count_open_fds(), before);
        close(pair[0]);
        close(pair[1]);
}

static void refuses_to_send_more_than_the_limit(void **state _unused_) {
        int pair[2], fds[DATAGRAM_FDS_MAX + 1] = {};

        make_pair(pair);
        assert_int_equal(fd_send(pair[0], "x", 1, fds, DATAGRAM_FDS_MAX + 1), -EINVAL);
        assert_int_equal(fd_send(pair[0], "x", 1, fds, DATAGRAM_FDS_MAX), 0);
        close(pair[0]);
        close(pair[1]);
}

static void makes_memfds_that_cannot_change(void **state _unused_) {
        char buffer[8] = "";
        int fd, seals;

        fd = fd_new_sealed("test", "sealed", 6);
        assert_true(fd >= 0);
        assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
        assert_int_equal(read(fd, buffer, sizeof(buffer)), 6);
        assert_string_equal(buffer, "sealed");
        seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
        assert_int_equal(fcntl(fd, F_GET_SEALS) & seals, seals);
        assert_int_equal(write(fd, "x", 1), -1);
        assert_int_equal(ftruncate(fd, 0), -1);
        close(fd);
}

static void writes_everything_or_says_why_not(void **state _unused_) {
        _cleanup_close_ int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
        _cleanup_close_ int fd = memfd_create("test", MFD_CLOEXEC);
        static char big[200000];

        assert_int_equal(fd_write_all(fd, big, sizeof(big)), 0);
        assert_int_equal(lseek(fd, 0, SEEK_CUR), sizeof(big));
        assert_int_equal(fd_write_all(fd, NULL, 0), 0);
        assert_int_equal(fd_write_all(full, "x", 1), -ENOSPC);
        assert_int_equal(fd_write_all(-1, "x", 1), -EBADF);
}

static void reads_everything_up_to_a_limit(void **state _unused_) {
        static const size_t sizes[] = { 0, 1, 4095, 4096, 4097, 100000 };
        static char bytes[100000];

        memset(bytes, 'x', sizeof(bytes));
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
                _cleanup_close_ int fd = fd_new_sealed("test", bytes, sizes[i]);
                _cleanup_free_ char *data = NULL;
                size_t size;

                assert_int_equal(fd_read_all(fd, sizes[i], &data, &size), 0);
                assert_int_equal(size, sizes[i]);
                assert_memory_equal(data, bytes, size);
                assert_int_equal(data[size], 0);
                assert_int_equal(lseek(fd, 0, SEEK_SET), 0);
                if (size > 0)
                        assert_int_equal(fd_read_all(fd, size - 1, &data, &size), -EFBIG);
        }
}

static void says_why_it_cannot_read(void **state _unused_) {
        _cleanup_close_ int directory = open("/", O_RDONLY | O_CLOEXEC);
        _cleanup_close_ int endless = open("/dev/zero", O_RDONLY | O_CLOEXEC);
        char *data;
        size_t size;

        assert_int_equal(fd_read_all(directory, 10, &data, &size), -EISDIR);
        assert_int_equal(fd_read_all(endless, 1000000, &data, &size), -EFBIG);
        assert_int_equal(fd_read_all(-EBADF, 10, &data, &size), -EBADF);
}

static void turns_blocking_on_and_off(void **state _unused_) {
        int fds[2];
        char c;

        assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
        assert_int_equal(fd_set_nonblock(fds[0], 1), 0);
        assert_int_equal(read(fds[0], &c, 1), -1);
        assert_int_equal(errno, EAGAIN);
        assert_int_equal(fd_set_nonblock(fds[0], 0), 0);
        assert_int_equal(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
        assert_int_equal(fd_set_nonblock(-1, 1), -EBADF);
        close(fds[0]);
        close(fds[1]);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(carries_data_and_descriptors),
                cmocka_unit_test(never_blocks),
                cmocka_unit_test(tells_the_end_of_a_connection),
                cmocka_unit_test(closes_descriptors_nobody_asked_for),
                cmocka_unit_test(refuses_what_is_longer_than_its_place),
                cmocka_unit_test(does_not_take_an_empty_datagram_with_descriptors_for_the_end),
                cmocka_unit_test(refuses_to_send_more_than_the_limit),
                cmocka_unit_test(makes_memfds_that_cannot_change),
                cmocka_unit_test(writes_everything_or_says_why_not),
                cmocka_unit_test(reads_everything_up_to_a_limit),
                cmocka_unit_test(says_why_it_cannot_read),
                cmocka_unit_test(turns_blocking_on_and_off),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
