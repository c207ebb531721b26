/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Code is recorded by its SHA-256, so that the journal does not keep what may be private and yet
 * can prove what ran. An argv is recorded in full, as JSON so that its words stay apart, and by the
 * SHA-256 of its words, each with a NUL behind it, because a long value is cut. Of the environment
 * there are the names only: its values are where secrets are. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/buffer.h"
#include "basic/json.h"
#include "basic/log.h"
#include "basic/sha256.h"
#include "handler/record.h"

#define VALUES_MAX 24

/* The values of one entry, in the order they were added. */
typedef struct Values {
        AuditValue values[VALUES_MAX];
        size_t n;
} Values;

static void add(Values *v, AuditValue value) {
        if (v->n < ARRAY_SIZE(v->values))
                v->values[v->n++] = value;
}

/* As JSON text, which o keeps; nothing for NULL. */
static void add_json(Values *v, AuditField field, json_object *o) {
        const char *text;
        size_t size;

        if (!o)
                return;
        text = json_object_to_json_string_length(
                o, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
        if (text)
                add(v, (AuditValue){ .field = field, .text = text, .size = size });
}

static int write_values(Handler *h, AuditEvent event, const Values *v) {
        return audit_write(h->audit, &h->sequence, event, v->values, v->n);
}

static void add_subject(Values *v, Handler *h, json_object *id, const ResultSubject *subject) {
        add(v, AUDIT_TEXT(SANDBOX, subject->sandbox));
        add(v, AUDIT_NUMBER(EXEC, subject->exec));
        add(v, AUDIT_TEXT(PROFILE, subject->profile));
        add(v, AUDIT_TEXT(IMAGE_DIGEST, subject->digest));
        add(v, AUDIT_NUMBER(UID, launcher_link_welcome(h->launcher)->uid));
        add_json(v, AUDIT_FIELD_REQUEST_ID, id);
}

void record_refused(Handler *h, json_object *id, const char *method, RpcError error,
                    const RpcProblem *problem) {
        _cleanup_free_ char *detail = NULL;
        Values v = {};
        int r;

        if (problem && problem->field && problem->detail &&
            asprintf(&detail, "%s: %s", problem->field, problem->detail) < 0)
                detail = NULL;

        add(&v, AUDIT_TEXT(METHOD, method ? method : ""));
        add(&v, AUDIT_TEXT(REASON, rpc_error_reason(error)));
        if (detail)
                add(&v, AUDIT_TEXT(DETAIL, detail));
        else if (problem && problem->detail)
                add(&v, AUDIT_TEXT(DETAIL, problem->detail));
        else
                add(&v, AUDIT_TEXT(DETAIL, ""));
        add(&v, AUDIT_NUMBER(UID, launcher_link_welcome(h->launcher)->uid));
        add_json(&v, AUDIT_FIELD_REQUEST_ID, id);
        r = write_values(h, AUDIT_REQUEST_REFUSED, &v);
        if (r < 0)
                log_warning(r, "Cannot record a refused request");
}

static void hash_payload(const Payload *p, char ret[static SHA256_HEX_SIZE]) {
        Sha256 s;

        sha256_init(&s);
        if (p->argv)
                for (size_t i = 0; i < json_object_array_length(p->argv); i++) {
                        const char *word =
                                json_object_get_string(json_object_array_get_idx(p->argv, i));

                        sha256_add(&s, word, strlen(word) + 1);
                }
        else
                sha256_add(&s, p->code, strlen(p->code));
        sha256_finish(&s, ret);
}

static int join_names(json_object *env, Buffer *ret) {
        int r;

        if (!env)
                return 0;
        json_object_object_foreach(env, name, value) {
                (void)value;
                if (ret->size > 0) {
                        r = buffer_append(ret, " ", 1);
                        if (r < 0)
                                return r;
                }
                r = buffer_append(ret, name, strlen(name));
                if (r < 0)
                        return r;
        }
        return 0;
}

static int write_started(Handler *h, json_object *id, const ResultSubject *subject,
                         const Payload *payload, uint64_t timeout_usec, uint64_t output_bytes) {
        _cleanup_(buffer_done) Buffer names = {};
        char hash[SHA256_HEX_SIZE];
        Values v = {};
        int r;

        r = join_names(payload->env, &names);
        if (r < 0)
                return r;
        hash_payload(payload, hash);

        add_subject(&v, h, id, subject);
        add(&v, AUDIT_TEXT(CODE_SHA256, hash));
        add_json(&v, AUDIT_FIELD_ARGV, payload->argv);
        if (names.size > 0)
                add(&v, AUDIT_BYTES(ENV_NAMES, buffer_data(&names), names.size));
        add(&v, AUDIT_NUMBER(TIMEOUT_USEC, timeout_usec));
        add(&v, AUDIT_NUMBER(OUTPUT_BYTES, output_bytes));
        return write_values(h, AUDIT_EXEC_STARTED, &v);
}

int record_started(Handler *h, json_object *id, const ResultSubject *subject,
                   const Payload *payload, uint64_t timeout_usec, uint64_t output_bytes) {
        int r = write_started(h, id, subject, payload, timeout_usec, output_bytes);

        if (r >= 0)
                return 0;
        log_error(r, "Cannot record the start of an execution, CLOCHE_SANDBOX=%s",
                  subject->sandbox);
        return launcher_link_welcome(h->launcher)->audit_required ? METHOD_E_AUDIT : 0;
}

static int join_limits(unsigned limits_hit, Buffer *ret) {
        const char *name;
        int r;

        for (unsigned i = 0; (name = result_limit_name(limits_hit, i)); i++) {
                if (i > 0) {
                        r = buffer_append(ret, " ", 1);
                        if (r < 0)
                                return r;
                }
                r = buffer_append(ret, name, strlen(name));
                if (r < 0)
                        return r;
        }
        return 0;
}

static void add_usage(Values *v, const LauncherUsage *u) {
        add(v, AUDIT_NUMBER(CPU_USER_USEC, u->cpu_user_usec));
        add(v, AUDIT_NUMBER(CPU_SYSTEM_USEC, u->cpu_system_usec));
        add(v, AUDIT_NUMBER(MEMORY_PEAK_BYTES, u->memory_peak_bytes));
        add(v, AUDIT_NUMBER(TASKS_PEAK, u->tasks_peak));
        add(v, AUDIT_NUMBER(IO_READ_BYTES, u->io_read_bytes));
        add(v, AUDIT_NUMBER(IO_WRITE_BYTES, u->io_write_bytes));
}

void record_ended(Handler *h, json_object *id, const ResultSubject *subject, const RunEnd *end,
                  const Result *result) {
        _cleanup_(buffer_done) Buffer limits = {};
        char signal_name[RESULT_SIGNAL_SIZE];
        Values v = {};
        int r;

        add_subject(&v, h, id, subject);
        add(&v, AUDIT_TEXT(STATUS, result_status_name(result->status)));
        if (result->status == RESULT_EXITED)
                add(&v, AUDIT_NUMBER(EXIT_CODE, (uint64_t)result->exit_code));
        if (result->status == RESULT_SIGNALED)
                add(&v, AUDIT_TEXT(SIGNAL, result_signal_name(result->signo, signal_name)));
        if (result->reason)
                add(&v, AUDIT_TEXT(REASON, result->reason));
        r = join_limits(result->limits_hit, &limits);
        if (r >= 0 && limits.size > 0)
                add(&v, AUDIT_BYTES(LIMITS_HIT, buffer_data(&limits), limits.size));
        add(&v, AUDIT_NUMBER(WALL_USEC, end->wall_usec));
        if (end->usage_known)
                add_usage(&v, &end->usage);
        add(&v, AUDIT_NUMBER(STDOUT_BYTES, end->stdout_bytes));
        add(&v, AUDIT_NUMBER(STDERR_BYTES, end->stderr_bytes));
        if (r >= 0)
                r = write_values(h, AUDIT_EXEC_ENDED, &v);
        if (r < 0)
                log_error(r, "Cannot record how an execution ended, CLOCHE_SANDBOX=%s",
                          subject->sandbox);
}

void record_file(Handler *h, AuditEvent event, json_object *id, const char *sandbox,
                 const char *path, uint64_t size) {
        Values v = {};
        int r;

        add(&v, AUDIT_TEXT(SANDBOX, sandbox));
        add(&v, AUDIT_TEXT(PATH, path));
        add(&v, AUDIT_NUMBER(SIZE_BYTES, size));
        add(&v, AUDIT_NUMBER(UID, launcher_link_welcome(h->launcher)->uid));
        add_json(&v, AUDIT_FIELD_REQUEST_ID, id);
        r = write_values(h, event, &v);
        if (r < 0)
                log_warning(r, "Cannot record a file, CLOCHE_SANDBOX=%s", sandbox);
}
