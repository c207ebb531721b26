/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A sentence is a template: {FIELD} stands for that field's value, and a part in [brackets] is left
 * out when a value in it is missing or empty; outside brackets a missing value is "?". Templates
 * are ours and well formed (the unit test walks all of them). Values are not ours: in a sentence
 * each is escaped and cut, since its full bytes are in its own field anyway. */

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "audit/event.h"
#include "basic/cleanup.h"

#define SHOWN_SIZE_MAX    200 /* bytes of one value in a sentence */
#define SHOWN_SANDBOX_MAX 8   /* a sandbox's id; enough to tell it from its neighbours */

typedef struct EventRow {
        const char *id;
        const char *name;
        const char *sentence;
        int priority;
        /* PRIORITY is notice when this field has a text other than the usual one */
        AuditField telling;
        const char *usual; /* NULL: no such field */
} EventRow;

static const EventRow rows[_AUDIT_EVENT_MAX] = {
        [AUDIT_CONNECTION_OPENED] = {
                .id = "f996d56db5fd4f938dd37b0dc6910419",
                .name = "connection_opened",
                .sentence = "uid {UID} connected[ (pid {PEER_PID})]",
                .priority = LOG_INFO,
        },
        [AUDIT_CONNECTION_REFUSED] = {
                .id = "f06c453821ac4a0b8353d928b594c511",
                .name = "connection_refused",
                .sentence = "refused a connection[ of uid {UID}][: {DETAIL}]",
                .priority = LOG_NOTICE,
        },
        [AUDIT_CONNECTION_CLOSED] = {
                .id = "83ff3432762d4911b289645061537714",
                .name = "connection_closed",
                .sentence = "[uid {UID} ]disconnected",
                .priority = LOG_INFO,
        },
        [AUDIT_REQUEST_REFUSED] = {
                .id = "ca62f703beb6409eb7fe238e40cada33",
                .name = "request_refused",
                .sentence = "refused {METHOD}[ ({REASON})][: {DETAIL}]",
                .priority = LOG_NOTICE,
        },
        [AUDIT_SANDBOX_OPENED] = {
                .id = "80a9258312a2411f9000e671d7a4fc27",
                .name = "sandbox_opened",
                .sentence = "uid {UID} opened sandbox {SANDBOX} ({PROFILE})",
                .priority = LOG_INFO,
        },
        [AUDIT_SANDBOX_REFUSED] = {
                .id = "92e8701a9d73455b978e07be8057d409",
                .name = "sandbox_refused",
                .sentence = "refused uid {UID} a sandbox[ ({PROFILE})][: {DETAIL}]",
                .priority = LOG_NOTICE,
        },
        [AUDIT_SANDBOX_ENDED] = {
                .id = "1ddf1dd0588245d890fecbb1cc730e83",
                .name = "sandbox_ended",
                .sentence = "sandbox {SANDBOX} ended[: {DEATH}]",
                .priority = LOG_INFO,
                .telling = AUDIT_FIELD_DEATH,
                .usual = "closed",
        },
        [AUDIT_SANDBOX_REMOVED] = {
                .id = "07f3df555b1849cbb59778f5a9b0159e",
                .name = "sandbox_removed",
                .sentence = "the container of sandbox {SANDBOX} is removed",
                .priority = LOG_INFO,
        },
        [AUDIT_EXEC_STARTED] = {
                .id = "fd7beafd625c4beab2641e21643ca5ac",
                .name = "exec_started",
                .sentence = "execution {EXEC} started in sandbox {SANDBOX}[: {ARGV}]",
                .priority = LOG_INFO,
        },
        [AUDIT_EXEC_ENDED] = {
                .id = "6a94a5aa9b9b4dbc9344ac1f122720d3",
                .name = "exec_ended",
                .sentence = "execution {EXEC} in sandbox {SANDBOX} ended: {STATUS}"
                            "[, code {EXIT_CODE}][, signal {SIGNAL}][, limits hit: {LIMITS_HIT}]",
                .priority = LOG_INFO,
                .telling = AUDIT_FIELD_LIMITS_HIT,
                .usual = "",
        },
        [AUDIT_FILE_IN] = {
                .id = "225cfd31a4ba45abb6dc2a3a20ca9367",
                .name = "file_in",
                .sentence = "file {PATH} ({SIZE_BYTES} bytes) was put into sandbox {SANDBOX}",
                .priority = LOG_INFO,
        },
        [AUDIT_FILE_OUT] = {
                .id = "1ac2fe25016d45bb8bd1df11e27a140b",
                .name = "file_out",
                .sentence = "file {PATH} ({SIZE_BYTES} bytes) was taken out of sandbox {SANDBOX}",
                .priority = LOG_INFO,
        },
        [AUDIT_FILE_REMOVED] = {
                .id = "adbcd31928314dd8af2e0b616cc6db57",
                .name = "file_removed",
                .sentence = "file {PATH} was removed in sandbox {SANDBOX}",
                .priority = LOG_INFO,
        },
        [AUDIT_LAUNCHER_RESUMED] = {
                .id = "f63f43e016be474f893db1cfc02a00ed",
                .name = "launcher_resumed",
                .sentence = "a new launcher took over[, sandboxes kept: {KEPT}][, removed: {REMOVED}]",
                .priority = LOG_NOTICE,
        },
};

static const EventRow *get_row(AuditEvent event) {
        assert(event < _AUDIT_EVENT_MAX);
        return &rows[event];
}

const char *audit_event_message_id(AuditEvent event) {
        return get_row(event)->id;
}

const char *audit_event_name(AuditEvent event) {
        return get_row(event)->name;
}

/* The first value of this field that says anything, or NULL. */
static const AuditValue *find_value(const char *name, size_t n, const AuditValue *values,
                                    size_t n_values) {
        for (size_t i = 0; i < n_values; i++) {
                const char *field = audit_field_name(values[i].field);

                if (strlen(field) == n && memcmp(field, name, n) == 0 &&
                    (!values[i].text || values[i].size > 0))
                        return &values[i];
        }
        return NULL;
}

int audit_event_priority(AuditEvent event, const AuditValue *values, size_t n_values) {
        const EventRow *row = get_row(event);

        for (size_t i = 0; row->usual && i < n_values; i++)
                if (values[i].field == row->telling && values[i].text &&
                    (values[i].size != strlen(row->usual) ||
                     memcmp(values[i].text, row->usual, values[i].size) != 0))
                        return LOG_NOTICE;
        return row->priority;
}

static void write_value(FILE *f, const AuditValue *v) {
        size_t max = v->field == AUDIT_FIELD_SANDBOX ? SHOWN_SANDBOX_MAX : SHOWN_SIZE_MAX;

        if (!v->text) {
                (void)fprintf(f, "%" PRIu64, v->number);
                return;
        }
        for (size_t i = 0; i < v->size && i < max; i++) {
                unsigned char c = (unsigned char)v->text[i];

                if (c >= 0x20 && c < 0x7f && c != '\\')
                        (void)fputc(c, f);
                else
                        (void)fprintf(f, "\\x%02x", c);
        }
        if (v->size > max)
                (void)fputs("…", f);
}

/* Whether every {FIELD} from here to the ] has a value. */
static bool is_part_complete(const char *p, const AuditValue *values, size_t n_values) {
        for (; *p && *p != ']'; p++) {
                if (*p == '{' && !find_value(p + 1, strcspn(p + 1, "}"), values, n_values))
                        return false;
        }
        return true;
}

static void write_sentence(FILE *f, const char *p, const AuditValue *values, size_t n_values) {
        for (; *p; p++) {
                if (*p == '[' && !is_part_complete(p + 1, values, n_values))
                        p += strcspn(p, "]");
                else if (*p == '{') {
                        size_t n = strcspn(p + 1, "}");
                        const AuditValue *v = find_value(p + 1, n, values, n_values);

                        if (v)
                                write_value(f, v);
                        else
                                (void)fputc('?', f);
                        p += n + 1;
                } else if (*p != '[' && *p != ']')
                        (void)fputc(*p, f);
        }
}

int audit_event_message(AuditEvent event, const AuditValue *values, size_t n_values, char **ret) {
        char *text = NULL;
        size_t size = 0;
        bool failed;
        FILE *f;

        f = open_memstream(&text, &size);
        if (!f)
                return -ENOMEM;
        write_sentence(f, get_row(event)->sentence, values, n_values);
        failed = ferror(f);
        if (fclose(f) != 0 || failed) { /* memory is all that can fail */
                free(text);
                return -ENOMEM;
        }
        *ret = text;
        return 0;
}
