/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The datagram and its way to journald. In journald's native format a field is either NAME=value
 * and a newline, or NAME, a newline, the value's length in 8 bytes and exactly that many bytes;
 * what a peer may have written always goes the second way, so there is nothing in it to escape
 * from. A person reads MESSAGE, and there the same text stands with control bytes as \xNN and cut
 * short.
 *
 * The socket is connected, because only then does poll() know whether journald's queue has room.
 * The peer is journald, or whoever sits in its place, and is never read from. A socket that was
 * handed over is all there is: a handler may not make another. One that was opened by path is
 * opened anew when its peer is gone, once for each entry. */

#include <assert.h>
#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>

#include "audit/audit.h"
#include "audit/event.h"
#include "basic/cleanup.h"
#include "basic/clock.h"
#include "basic/fd.h"
#include "basic/limits.h"

/* A longer entry goes as a memfd. Well under any socket's send buffer, so that poll() saying there
 * is room means room for one of these. */
#define AUDIT_DATAGRAM_SIZE_MAX (16 * 1024)

struct Audit {
        char *by;
        char *path; /* NULL: the socket was handed over */
        int fd;
};

DEFINE_CLEANUP(Audit, audit_free)

static const char *const field_names[_AUDIT_FIELD_MAX] = {
        [AUDIT_FIELD_ARGV] = "ARGV",
        [AUDIT_FIELD_CODE_SHA256] = "CODE_SHA256",
        [AUDIT_FIELD_CPU_PERCENT] = "CPU_PERCENT",
        [AUDIT_FIELD_CPU_SYSTEM_USEC] = "CPU_SYSTEM_USEC",
        [AUDIT_FIELD_CPU_USER_USEC] = "CPU_USER_USEC",
        [AUDIT_FIELD_DEATH] = "DEATH",
        [AUDIT_FIELD_DETAIL] = "DETAIL",
        [AUDIT_FIELD_ENV_NAMES] = "ENV_NAMES",
        [AUDIT_FIELD_EXEC] = "EXEC",
        [AUDIT_FIELD_EXIT_CODE] = "EXIT_CODE",
        [AUDIT_FIELD_IMAGE] = "IMAGE",
        [AUDIT_FIELD_IMAGE_DIGEST] = "IMAGE_DIGEST",
        [AUDIT_FIELD_IO_READ_BYTES] = "IO_READ_BYTES",
        [AUDIT_FIELD_IO_WRITE_BYTES] = "IO_WRITE_BYTES",
        [AUDIT_FIELD_KEPT] = "KEPT",
        [AUDIT_FIELD_LIMITS_HIT] = "LIMITS_HIT",
        [AUDIT_FIELD_MEMORY_BYTES] = "MEMORY_BYTES",
        [AUDIT_FIELD_MEMORY_PEAK_BYTES] = "MEMORY_PEAK_BYTES",
        [AUDIT_FIELD_METHOD] = "METHOD",
        [AUDIT_FIELD_OUTPUT_BYTES] = "OUTPUT_BYTES",
        [AUDIT_FIELD_PATH] = "PATH",
        [AUDIT_FIELD_PEER_PID] = "PEER_PID",
        [AUDIT_FIELD_PROFILE] = "PROFILE",
        [AUDIT_FIELD_REASON] = "REASON",
        [AUDIT_FIELD_REMOVED] = "REMOVED",
        [AUDIT_FIELD_REQUEST_ID] = "REQUEST_ID",
        [AUDIT_FIELD_SANDBOX] = "SANDBOX",
        [AUDIT_FIELD_SCOPE] = "SCOPE",
        [AUDIT_FIELD_SIGNAL] = "SIGNAL",
        [AUDIT_FIELD_SIZE_BYTES] = "SIZE_BYTES",
        [AUDIT_FIELD_STATUS] = "STATUS",
        [AUDIT_FIELD_STDERR_BYTES] = "STDERR_BYTES",
        [AUDIT_FIELD_STDOUT_BYTES] = "STDOUT_BYTES",
        [AUDIT_FIELD_TASKS] = "TASKS",
        [AUDIT_FIELD_TASKS_PEAK] = "TASKS_PEAK",
        [AUDIT_FIELD_TIMEOUT_USEC] = "TIMEOUT_USEC",
        [AUDIT_FIELD_UID] = "UID",
        [AUDIT_FIELD_WALL_USEC] = "WALL_USEC",
        [AUDIT_FIELD_WORK_BYTES] = "WORK_BYTES",
};

const char *audit_field_name(AuditField field) {
        assert(field < _AUDIT_FIELD_MAX);
        return field_names[field];
}

/* -- the datagram ----------------------------------------------------------------------------- */

static void write_bytes(FILE *f, const char *prefix, const char *name, const void *data,
                        size_t size) {
        uint64_t length = htole64(size);

        (void)fprintf(f, "%s%s\n", prefix, name);
        (void)fwrite(&length, sizeof(length), 1, f);
        (void)fwrite(data, 1, size, f);
        (void)fputc('\n', f);
}

static void write_value(FILE *f, const AuditValue *v) {
        const char *name = audit_field_name(v->field);

        if (!v->text)
                (void)fprintf(f, "CLOCHE_%s=%" PRIu64 "\n", name, v->number);
        else
                write_bytes(f, "CLOCHE_", name, v->text,
                            v->size < AUDIT_VALUE_SIZE_MAX ? v->size : AUDIT_VALUE_SIZE_MAX);
}

static int write_message(FILE *f, AuditEvent event, const AuditValue *values, size_t n_values) {
        _cleanup_free_ char *message = NULL;
        int r;

        r = audit_event_message(event, values, n_values, &message);
        if (r < 0)
                return r;
        write_bytes(f, "", "MESSAGE", message, strlen(message));
        return 0;
}

int audit_format(const char *by, const AuditSequence *seq, AuditEvent event,
                 const AuditValue *values, size_t n_values, char **ret, size_t *ret_size) {
        char *data = NULL;
        size_t size = 0;
        bool failed;
        FILE *f;
        int r;

        f = open_memstream(&data, &size);
        if (!f)
                return -ENOMEM;
        (void)fprintf(f, "MESSAGE_ID=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=cloche-%s\n",
                      audit_event_message_id(event), audit_event_priority(event, values, n_values),
                      by);
        (void)fprintf(f, "CLOCHE_BY=%s\nCLOCHE_EVENT=%s\n", by, audit_event_name(event));
        if (seq)
                (void)fprintf(f, "CLOCHE_SEQ=%" PRIu64 "\n", seq->last);
        if (seq && seq->connection[0])
                (void)fprintf(f, "CLOCHE_CONNECTION=%.32s\n", seq->connection);
        for (size_t i = 0; i < n_values; i++)
                write_value(f, &values[i]);
        r = write_message(f, event, values, n_values);

        failed = ferror(f);
        if (fclose(f) != 0 || failed || r < 0) { /* memory is all that can fail */
                free(data);
                return -ENOMEM;
        }
        *ret = data;
        *ret_size = size;
        return 0;
}

/* -- its way ---------------------------------------------------------------------------------- */

static int audit_connect(Audit *a) {
        struct sockaddr_un sa = { .sun_family = AF_UNIX };
        _cleanup_close_ int fd = -EBADF;

        if (!a->path)
                return -ENOTCONN;
        if (strlen(a->path) >= sizeof(sa.sun_path))
                return -ENAMETOOLONG;
        memcpy(sa.sun_path, a->path, strlen(a->path));

        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        if (connect(fd, (const struct sockaddr *)&sa, sizeof(sa)) < 0)
                return -errno;
        a->fd = TAKE_FD(fd);
        return 0;
}

static int audit_make(Audit **ret, const char *by, const char *path, int journal_fd) {
        _cleanup_(audit_freep) Audit *a = calloc(1, sizeof(*a));

        if (!a) {
                close_fd(journal_fd);
                return -ENOMEM;
        }
        a->fd = journal_fd;
        a->by = strdup(by);
        a->path = path ? strdup(path) : NULL;
        if (!a->by || (path && !a->path))
                return -ENOMEM;
        if (path)
                (void)audit_connect(a); /* each write tries again and then says so */
        *ret = TAKE_PTR(a);
        return 0;
}

int audit_new(Audit **ret, const char *by, int journal_fd) {
        return audit_make(ret, by, journal_fd < 0 ? AUDIT_SOCKET_PATH : NULL, journal_fd);
}

int audit_new_at(Audit **ret, const char *by, const char *path) {
        return audit_make(ret, by, path, -EBADF);
}

Audit *audit_free(Audit *a) {
        if (!a)
                return NULL;
        close_fd(a->fd);
        free(a->path);
        free(a->by);
        free(a);
        return NULL;
}

/* Waits for room in the queue. Returns 0, also when there may be none, or -ETIMEDOUT. */
static int wait_writable(int fd, uint64_t deadline) {
        struct pollfd p = { .fd = fd, .events = POLLOUT };
        uint64_t now = clock_now_usec();

        if (now >= deadline)
                return -ETIMEDOUT;
        if (poll(&p, 1, (int)((deadline - now) / USEC_PER_MSEC) + 1) < 0 && errno != EINTR)
                return -errno;
        return 0;
}

/* Sends one datagram, with fd attached when it is one. */
static int send_before(int socket_fd, const void *data, size_t size, int fd, uint64_t deadline) {
        int r;

        for (;;) {
                r = fd_send(socket_fd, data, size, &fd, fd >= 0 ? 1 : 0);
                if (r != -EAGAIN)
                        return r;
                r = wait_writable(socket_fd, deadline);
                if (r < 0)
                        return r;
        }
}

/* As an empty datagram with the entry in a memfd, when it is too long for a datagram. */
static int send_entry(int socket_fd, const void *data, size_t size, uint64_t deadline) {
        _cleanup_close_ int fd = -EBADF;
        int r = -EMSGSIZE;

        if (size <= AUDIT_DATAGRAM_SIZE_MAX)
                r = send_before(socket_fd, data, size, -EBADF, deadline);
        if (r != -EMSGSIZE && r != -ENOBUFS)
                return r;
        fd = fd_new_sealed("cloche-audit", data, size);
        if (fd < 0)
                return fd;
        return send_before(socket_fd, NULL, 0, fd, deadline);
}

int audit_write(Audit *a, AuditSequence *seq, AuditEvent event, const AuditValue *values,
                size_t n_values) {
        uint64_t deadline = clock_now_usec() + AUDIT_TIMEOUT_USEC;
        _cleanup_free_ char *data = NULL;
        size_t size;
        int r;

        if (seq)
                seq->last++;
        r = audit_format(a->by, seq, event, values, n_values, &data, &size);
        if (r < 0)
                return r;

        r = a->fd < 0 ? -ENOTCONN : send_entry(a->fd, data, size, deadline);
        if (!a->path || (r != -ENOTCONN && r != -ECONNREFUSED && r != -ECONNRESET))
                return r;
        a->fd = close_fd(a->fd);
        r = audit_connect(a);
        return r < 0 ? r : send_entry(a->fd, data, size, deadline);
}
