/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The record of what happened: one journal entry for each event, with a MESSAGE_ID of its own, a
 * catalog text (cloche.catalog) and CLOCHE_* fields. Each writer numbers its entries per connection
 * (CLOCHE_SEQ, from 1, beside CLOCHE_BY), so that a gap shows.
 *
 * Entries go to journald's native socket as one datagram (a sealed memfd when it is too long for
 * one) on a descriptor of our own, because sd_journal_sendv() answers 0 when that socket is missing
 * and blocks when its queue is full. Here both are errors, after AUDIT_TIMEOUT_USEC at the most.
 *
 * Trust: field names and ids are compiled in; values may come from a client or a guest. They are
 * written with an explicit length, so no value becomes a field or a second entry, and MESSAGE holds
 * them with every control byte escaped. */

#include <stddef.h>
#include <stdint.h>

#define AUDIT_TIMEOUT_USEC   (200 * UINT64_C(1000)) /* longest wait for journald's queue */
#define AUDIT_VALUE_SIZE_MAX (64 * 1024)            /* bytes of one value; a longer one is cut */

typedef enum AuditEvent {
        AUDIT_CONNECTION_OPENED,  /* a client was admitted */
        AUDIT_CONNECTION_REFUSED, /* … or not: REASON, DETAIL */
        AUDIT_CONNECTION_CLOSED,
        AUDIT_REQUEST_REFUSED, /* a request got an error: METHOD, REASON, DETAIL */
        AUDIT_SANDBOX_OPENED,  /* granted and made: profile, image digest, limits, scope */
        AUDIT_SANDBOX_REFUSED,
        AUDIT_SANDBOX_ENDED,    /* killed and empty: usage, death */
        AUDIT_SANDBOX_REMOVED,  /* its container is gone from Podman */
        AUDIT_EXEC_STARTED,     /* code digest, argv, environment names */
        AUDIT_EXEC_ENDED,       /* status, exit code or signal, output bytes, limits hit */
        AUDIT_FILE_IN,          /* a client put a file: PATH, SIZE_BYTES */
        AUDIT_FILE_OUT,         /* … or took one */
        AUDIT_FILE_REMOVED,     /* … or removed one */
        AUDIT_LAUNCHER_RESUMED, /* a launcher took over from one that died: what it kept and removed
                                 */
        _AUDIT_EVENT_MAX,
} AuditEvent;

/* The CLOCHE_ fields. audit.c holds their names. */
typedef enum AuditField {
        AUDIT_FIELD_ARGV,
        AUDIT_FIELD_CODE_SHA256,
        AUDIT_FIELD_CPU_PERCENT,
        AUDIT_FIELD_CPU_SYSTEM_USEC,
        AUDIT_FIELD_CPU_USER_USEC,
        AUDIT_FIELD_DEATH,
        AUDIT_FIELD_DETAIL,
        AUDIT_FIELD_ENV_NAMES,
        AUDIT_FIELD_EXEC,
        AUDIT_FIELD_EXIT_CODE,
        AUDIT_FIELD_IMAGE,
        AUDIT_FIELD_IMAGE_DIGEST,
        AUDIT_FIELD_IO_READ_BYTES,
        AUDIT_FIELD_IO_WRITE_BYTES,
        AUDIT_FIELD_KEPT,
        AUDIT_FIELD_LIMITS_HIT,
        AUDIT_FIELD_MEMORY_BYTES,
        AUDIT_FIELD_MEMORY_PEAK_BYTES,
        AUDIT_FIELD_METHOD,
        AUDIT_FIELD_OUTPUT_BYTES,
        AUDIT_FIELD_PATH,
        AUDIT_FIELD_PEER_PID,
        AUDIT_FIELD_PROFILE,
        AUDIT_FIELD_REASON,
        AUDIT_FIELD_REMOVED,
        AUDIT_FIELD_REQUEST_ID,
        AUDIT_FIELD_SANDBOX,
        AUDIT_FIELD_SCOPE,
        AUDIT_FIELD_SIGNAL,
        AUDIT_FIELD_SIZE_BYTES,
        AUDIT_FIELD_STATUS,
        AUDIT_FIELD_STDERR_BYTES,
        AUDIT_FIELD_STDOUT_BYTES,
        AUDIT_FIELD_TASKS,
        AUDIT_FIELD_TASKS_PEAK,
        AUDIT_FIELD_TIMEOUT_USEC,
        AUDIT_FIELD_UID,
        AUDIT_FIELD_WALL_USEC,
        AUDIT_FIELD_WORK_BYTES,
        _AUDIT_FIELD_MAX,
} AuditField;

typedef struct AuditValue {
        AuditField field;
        const char *text; /* NULL: the number counts */
        size_t size;      /* of text, in bytes */
        uint64_t number;
} AuditValue;

/* How a caller writes a value down. */
#define AUDIT_TEXT(f, s)     ((AuditValue){ .field = AUDIT_FIELD_##f, .text = (s), .size = strlen(s) })
#define AUDIT_BYTES(f, p, n) ((AuditValue){ .field = AUDIT_FIELD_##f, .text = (p), .size = (n) })
#define AUDIT_NUMBER(f, n)   ((AuditValue){ .field = AUDIT_FIELD_##f, .number = (n) })

typedef struct Audit Audit;

/* Opens the record of one program. by is "handler" or "launcher". journal_fd is a connected
 * datagram socket to journald (consumed, also on failure), or -EBADF to connect to
 * AUDIT_SOCKET_PATH here. Returns 0 or -errno; *ret is made even when journald cannot be reached,
 * and each write then tries to connect again and fails. */
int audit_new(Audit **ret, const char *by, int journal_fd);
/* The same with journald's socket at another path. */
int audit_new_at(Audit **ret, const char *by, const char *path);
Audit *audit_free(Audit *a);

#define AUDIT_SOCKET_PATH "/run/systemd/journal/socket"

/* One connection's numbering. Plain data, owned by the connection. */
typedef struct AuditSequence {
        char connection[33]; /* "" for events outside any connection */
        uint64_t last;
} AuditSequence;

/* Writes one entry, MESSAGE from the event's own template and these values. seq may be NULL.
 * Returns 0, -ENOENT or -ECONNREFUSED when journald's socket is missing, -ETIMEDOUT when its queue
 * stayed full, or -errno. The number is used up also by an entry that could not be written. */
int audit_write(Audit *a, AuditSequence *seq, AuditEvent event, const AuditValue *values,
                size_t n_values);

/* audit_event(a, seq, SANDBOX_OPENED, AUDIT_TEXT(SANDBOX, id), AUDIT_NUMBER(UID, uid)) */
#define audit_event(a, seq, e, ...)                                         \
        audit_write(a, seq, AUDIT_##e, (const AuditValue[]){ __VA_ARGS__ }, \
                    ARRAY_SIZE(((const AuditValue[]){ __VA_ARGS__ })))

/* Pure parts, for tests and the catalog's check. */

/* The datagram of one entry, in journald's native format. *ret is malloc()ed. Returns 0 or -ENOMEM.
 */
int audit_format(const char *by, const AuditSequence *seq, AuditEvent event,
                 const AuditValue *values, size_t n_values, char **ret, size_t *ret_size);

/* 32 hex digits, the same as in cloche.catalog. */
const char *audit_event_message_id(AuditEvent event);

/* A field's name without "CLOCHE_". */
const char *audit_field_name(AuditField field);
