/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The guest's word counts for little more than the exit code: that memory ran out, that a fork was
 * refused and what was used come from the cgroup, by way of the launcher. Only that /work is full
 * is a hint of the guest's, for nobody outside can look.
 *
 * A program that could not be started at all (no process left for it, no memory, a full disk for
 * its code) is the request's affair and not a death of the sandbox: it ends as "exited" with 126,
 * as a shell would have it, with reason "not_started" and the limit that was in the way. */

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "handler/result.h"

#define EXIT_NOT_STARTED 126
#define WORK_FULL_BYTES  4096 /* less than one page free */

static unsigned limit_of_errno(int error) {
        switch (error) {
        case EAGAIN:
                return RESULT_LIMIT_TASKS;
        case ENOMEM:
                return RESULT_LIMIT_MEMORY;
        case ENOSPC:
        case EDQUOT:
                return RESULT_LIMIT_WORK;
        default:
                return 0;
        }
}

static void decide_exited(const RunEnd *end, Result *r) {
        const GuestExited *e = &end->exited;

        switch ((GuestExitKind)e->kind) {
        case GUEST_EXIT_SIGNALED:
                if (e->value == SIGKILL && end->usage.oom_kills > 0)
                        r->status = RESULT_OOM;
                else {
                        r->status = RESULT_SIGNALED;
                        r->signo = e->value;
                }
                break;
        case GUEST_EXIT_FAILED:
                r->status = RESULT_EXITED;
                r->exit_code = EXIT_NOT_STARTED;
                r->reason = "not_started";
                r->limits_hit |= limit_of_errno(e->value);
                break;
        case GUEST_EXIT_EXITED:
        case GUEST_EXIT_INVALID:
        case _GUEST_EXIT_KIND_MAX:
        default:
                r->status = RESULT_EXITED;
                r->exit_code = e->value;
                break;
        }
        if (e->work_free < WORK_FULL_BYTES)
                r->limits_hit |= RESULT_LIMIT_WORK;
}

static void decide_died(const RunEnd *end, Result *r) {
        r->status = RESULT_SANDBOX_DIED;
        r->reason = "guest_lost";
        if (end->death == LAUNCHER_DEATH_OOM ||
            (end->death == LAUNCHER_DEATH_INVALID && end->usage.oom_kills > 0)) {
                r->status = RESULT_OOM;
                r->reason = NULL;
        } else if (end->death == LAUNCHER_DEATH_LIFETIME) {
                r->status = RESULT_TIMEOUT;
                r->reason = "lifetime";
        } else if (end->death == LAUNCHER_DEATH_KILLED)
                r->reason = "killed";
}

void result_decide(const RunEnd *end, Result *ret) {
        Result r = { .exit_code = -1 };

        if (end->usage.oom_kills > 0)
                r.limits_hit |= RESULT_LIMIT_MEMORY;
        if (end->usage.forks_failed > 0)
                r.limits_hit |= RESULT_LIMIT_TASKS;

        switch (end->cause) {
        case END_EXITED:
                decide_exited(end, &r);
                break;
        case END_TIMEOUT:
                r.status = RESULT_TIMEOUT;
                break;
        case END_LIFETIME:
                r.status = RESULT_TIMEOUT;
                r.reason = "lifetime";
                break;
        case END_OUTPUT_LIMIT:
                r.status = RESULT_OUTPUT_LIMIT;
                break;
        case END_CANCELLED:
                r.status = RESULT_CANCELLED;
                break;
        case END_CLOSED:
                r.status = RESULT_CANCELLED;
                r.reason = "closed";
                break;
        case END_CLIENT_GONE:
                r.status = RESULT_CANCELLED;
                r.reason = "client_gone";
                break;
        case END_STOPPED:
                r.status = RESULT_CANCELLED;
                r.reason = "stopped";
                break;
        case END_GUEST_PROTOCOL:
                r.status = RESULT_SANDBOX_DIED;
                r.reason = "guest_protocol_error";
                break;
        case END_LAUNCHER_LOST:
                r.status = RESULT_SANDBOX_DIED;
                r.reason = "launcher_lost";
                break;
        case END_GUEST_LOST:
        case END_INVALID:
        default:
                decide_died(end, &r);
                break;
        }

        /* output that is missing must show, however the program ended */
        if (end->output_cut && r.status != RESULT_OUTPUT_LIMIT)
                r = (Result){
                        .status = RESULT_OUTPUT_LIMIT,
                        .exit_code = -1,
                        .limits_hit = r.limits_hit,
                };
        if (r.status == RESULT_OUTPUT_LIMIT)
                r.limits_hit |= RESULT_LIMIT_OUTPUT;
        if (r.status == RESULT_TIMEOUT)
                r.limits_hit |= RESULT_LIMIT_TIME;
        if (r.status == RESULT_OOM)
                r.limits_hit |= RESULT_LIMIT_MEMORY;
        *ret = r;
}

const char *result_status_name(ResultStatus status) {
        static const char *const names[] = {
                [RESULT_EXITED] = "exited",
                [RESULT_SIGNALED] = "signaled",
                [RESULT_TIMEOUT] = "timeout",
                [RESULT_OOM] = "oom",
                [RESULT_OUTPUT_LIMIT] = "output_limit",
                [RESULT_CANCELLED] = "cancelled",
                [RESULT_SANDBOX_DIED] = "sandbox_died",
        };

        return names[status];
}

const char *result_signal_name(int signo, char buffer[static RESULT_SIGNAL_SIZE]) {
        const char *name = sigabbrev_np(signo);

        if (name)
                (void)snprintf(buffer, RESULT_SIGNAL_SIZE, "SIG%s", name);
        else if (signo >= SIGRTMIN)
                (void)snprintf(buffer, RESULT_SIGNAL_SIZE, "SIGRTMIN+%d", signo - SIGRTMIN);
        else
                (void)snprintf(buffer, RESULT_SIGNAL_SIZE, "SIG%d", signo);
        return buffer;
}

const char *result_limit_name(unsigned limits_hit, unsigned i) {
        static const struct {
                ResultLimit limit;
                const char *name;
        } limits[] = {
                { RESULT_LIMIT_MEMORY, "memory" },
                { RESULT_LIMIT_TASKS,  "tasks"  },
                { RESULT_LIMIT_WORK,   "work"   },
                { RESULT_LIMIT_OUTPUT, "output" },
                { RESULT_LIMIT_TIME,   "time"   },
        };

        for (size_t j = 0; j < ARRAY_SIZE(limits); j++)
                if (limits_hit & limits[j].limit && i-- == 0)
                        return limits[j].name;
        return NULL;
}

static int set_usage(json_object *object, const LauncherUsage *u) {
        const struct {
                const char *name;
                uint64_t value;
        } numbers[] = {
                { "cpu_user_usec",     u->cpu_user_usec     },
                { "cpu_system_usec",   u->cpu_system_usec   },
                { "memory_peak_bytes", u->memory_peak_bytes },
                { "tasks_peak",        u->tasks_peak        },
                { "io_read_bytes",     u->io_read_bytes     },
                { "io_write_bytes",    u->io_write_bytes    },
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(numbers); i++)
                r = json_set_uint(object, numbers[i].name, numbers[i].value);
        return r;
}

int result_format_usage(const LauncherUsage *usage, json_object **ret) {
        _cleanup_json_ json_object *object = json_object_new_object();
        int r;

        r = object ? set_usage(object, usage) : -ENOMEM;
        if (r >= 0)
                *ret = TAKE_PTR(object);
        return r;
}

/* Numbers that are not known are left out. */
static int set_run_usage(json_object *result, const RunEnd *end) {
        json_object *usage = json_object_new_object();
        int r;

        r = json_set(result, "usage", usage);
        if (r >= 0)
                r = json_set_uint(usage, "wall_usec", end->wall_usec);
        if (r >= 0 && end->usage_known)
                r = set_usage(usage, &end->usage);
        if (r >= 0)
                r = json_set_uint(usage, "stdout_bytes", end->stdout_bytes);
        if (r >= 0)
                r = json_set_uint(usage, "stderr_bytes", end->stderr_bytes);
        return r;
}

static int set_outcome(json_object *object, const Result *result) {
        char buffer[RESULT_SIGNAL_SIZE];
        int r;

        r = json_set_string(object, "status", result_status_name(result->status));
        if (r >= 0 && result->status == RESULT_EXITED)
                r = json_set(object, "exit_code", json_object_new_int(result->exit_code));
        if (r >= 0 && result->status == RESULT_SIGNALED)
                r = json_set_string(object, "signal", result_signal_name(result->signo, buffer));
        if (r >= 0 && result->reason)
                r = json_set_string(object, "reason", result->reason);
        return r;
}

int result_format(const Result *result, const RunEnd *end, const ResultSubject *subject,
                  json_object **ret) {
        _cleanup_json_ json_object *object = json_object_new_object();
        json_object *limits;
        const char *name;
        int r;

        if (!object)
                return -ENOMEM;
        r = json_set_string(object, "sandbox", subject->sandbox);
        if (r >= 0)
                r = json_set_string(object, "profile", subject->profile);
        if (r >= 0)
                r = json_set_string(object, "image", subject->digest);
        if (r >= 0)
                r = set_outcome(object, result);
        if (r < 0)
                return r;

        limits = json_object_new_array();
        r = json_set(object, "limits_hit", limits);
        for (unsigned i = 0; r >= 0 && (name = result_limit_name(result->limits_hit, i)); i++)
                r = json_append(limits, json_object_new_string(name));
        if (r >= 0)
                r = set_run_usage(object, end);
        if (r >= 0 && end->left > 0)
                r = json_set_uint(object, "left_running", end->left);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(object);
        return 0;
}
