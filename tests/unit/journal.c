/* SPDX-License-Identifier: LGPL-2.1-or-later */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <endian.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "basic/fd.h"
#include "journal.h"

#define DATAGRAM_SIZE_MAX (1024 * 1024)

/* Reads one field as journald does. */
static const char *take_field(const char *p, const char *end, Field *f) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *equals;
        uint64_t size;

        assert_non_null(newline);
        equals = memchr(p, '=', (size_t)(newline - p));
        (void)snprintf(f->name, sizeof(f->name), "%.*s", (int)((equals ? equals : newline) - p), p);
        if (equals) {
                f->value = equals + 1;
                f->size = (size_t)(newline - f->value);
                return newline + 1;
        }
        assert_true(end - newline > 8);
        memcpy(&size, newline + 1, sizeof(size));
        f->value = newline + 9;
        f->size = le64toh(size);
        assert_true(f->size < (size_t)(end - f->value));
        assert_int_equal(f->value[f->size], '\n');
        return f->value + f->size + 1;
}

Entry *entry_new(char *data, size_t size) {
        Entry *e = calloc(1, sizeof(*e));
        const char *p = data;

        assert_non_null(e);
        e->data = data;
        e->size = size;
        while (p < data + size) {
                assert_true(e->n_fields < ARRAY_SIZE(e->fields));
                p = take_field(p, data + size, &e->fields[e->n_fields++]);
        }
        assert_ptr_equal(p, data + size);
        return e;
}

Entry *entry_free(Entry *e) {
        free(e->data);
        free(e);
        return NULL;
}

const Field *entry_get(const Entry *e, const char *name) {
        const Field *found = NULL;

        for (size_t i = 0; i < e->n_fields; i++)
                if (strcmp(e->fields[i].name, name) == 0) {
                        assert_null(found);
                        found = &e->fields[i];
                }
        if (!found)
                fail_msg("no field %s", name);
        return found;
}

bool entry_has(const Entry *e, const char *name) {
        for (size_t i = 0; i < e->n_fields; i++)
                if (strcmp(e->fields[i].name, name) == 0)
                        return true;
        return false;
}

void entry_assert(const Entry *e, const char *name, const char *value) {
        const Field *f = entry_get(e, name);

        if (f->size != strlen(value) || memcmp(f->value, value, f->size) != 0)
                fail_msg("%s is '%.*s', not '%s'", name, (int)f->size, f->value, value);
}

Journal *journal_new(void) {
        Journal *j = calloc(1, sizeof(*j));

        assert_non_null(j);
        strcpy(j->directory, "/tmp/journal-XXXXXX");
        assert_non_null(mkdtemp(j->directory));
        (void)snprintf(j->path, sizeof(j->path), "%s/socket", j->directory);
        journal_listen(j);
        return j;
}

Journal *journal_free(Journal *j) {
        journal_close(j);
        (void)unlink(j->path);
        assert_int_equal(rmdir(j->directory), 0);
        free(j);
        return NULL;
}

void journal_close(Journal *j) {
        j->fd = close_fd(j->fd);
}

void journal_listen(Journal *j) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };

        (void)unlink(j->path);
        strcpy(sa.sun_path, j->path);
        j->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        assert_true(j->fd >= 0);
        assert_int_equal(bind(j->fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
}

/* An empty datagram with a descriptor: what fd_receive() refuses, rightly, and journald takes. */
static Entry *receive_memfd(const Journal *j) {
        union {
                struct cmsghdr align;
                char buffer[CMSG_SPACE(sizeof(int))];
        } control;
        struct msghdr mh = { .msg_control = &control, .msg_controllen = sizeof(control) };
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        char *data;

        assert_int_equal(recvmsg(j->fd, &mh, MSG_CMSG_CLOEXEC), 0);
        assert_non_null(CMSG_FIRSTHDR(&mh));
        memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&mh)), sizeof(fd));
        /* exactly these, or older versions of journald refuse it */
        assert_int_equal(fcntl(fd, F_GET_SEALS),
                         F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
        assert_int_equal(fstat(fd, &st), 0);
        data = malloc((size_t)st.st_size);
        assert_non_null(data);
        assert_int_equal(pread(fd, data, (size_t)st.st_size, 0), st.st_size);
        return entry_new(data, (size_t)st.st_size);
}

Entry *journal_receive(const Journal *j, bool *ret_was_memfd) {
        char *data, byte;
        ssize_t n;

        n = recv(j->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        assert_true(n >= 0);
        if (ret_was_memfd)
                *ret_was_memfd = n == 0;
        if (n == 0)
                return receive_memfd(j);

        data = malloc(DATAGRAM_SIZE_MAX);
        assert_non_null(data);
        n = fd_receive(j->fd, data, DATAGRAM_SIZE_MAX, NULL, 0, NULL);
        assert_true(n > 0);
        return entry_new(data, (size_t)n);
}

bool journal_is_empty(const Journal *j) {
        char byte;

        return recv(j->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0;
}

int journal_connect(const Journal *j) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

        strcpy(sa.sun_path, j->path);
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
        return fd;
}
