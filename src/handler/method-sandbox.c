/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A session is what a client holds on to: it is made by open, answers that request once, and ends
 * with its sandbox. A client that did not ask for that end is told of it; one that did has its
 * answer. */

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "handler/handler.h"
#include "handler/job.h"
#include "handler/method-profile.h"
#include "handler/method-sandbox.h"
#include "handler/notice.h"
#include "handler/request.h"
#include "handler/session.h"

/* -- sandbox.open ----------------------------------------------------------------------------- */

int method_sandbox_open(Handler *h, Request *request, const void *params,
                        RpcProblem *reterr _unused_) {
        const SandboxOpenParams *p = params;
        LauncherLimits limits = {
                .memory_bytes = p->limits.memory_bytes,
                .tasks = p->limits.tasks,
                .cpu_percent = p->limits.cpu_percent,
                .work_bytes = p->limits.work_bytes,
                .timeout_usec = LIMIT_UNSET,
                .output_bytes = LIMIT_UNSET,
                .lifetime_usec = p->lifetime_ms == LIMIT_UNSET ? LIMIT_UNSET
                                                               : p->lifetime_ms * USEC_PER_MSEC,
        };

        return session_open(h, request, p->profile ? p->profile : RUN_PROFILE_DEFAULT, &limits,
                            p->env);
}

/* -- sandbox.exec ----------------------------------------------------------------------------- */

static void on_job_done(json_object *result, int failure, const RpcProblem *problem,
                        void *userdata) {
        Request *request = userdata;

        if (failure != 0)
                request_fail(request, failure, problem);
        else
                request_succeed(request, result);
}

int method_sandbox_exec(Handler *h, Request *request, const void *params, RpcProblem *reterr) {
        const SandboxExecParams *p = params;
        Sandbox *s = sandbox_find(h, p->sandbox);
        ExecutionOrder order;
        Streams *streams;
        Job *job = NULL;
        int r;

        r = order_check(&p->program, reterr);
        if (r == 0 && p->reset && !p->program.code)
                r = order_refuse(reterr, "reset", "starts the interpreter afresh: give code");
        if (r == 0 && p->reset && p->program.has_terminal)
                r = order_refuse(reterr, "reset",
                                 "with pty code gets an interpreter of its own, which is fresh");
        if (r != 0)
                return r;
        if (!s)
                return METHOD_E_UNKNOWN_SANDBOX;
        r = order_make(&p->program, s, request, &order);
        if (r == 0)
                r = order_open_streams(&p->program, h, &streams, reterr);
        if (r != 0)
                return r;
        order.reset = p->reset;
        order.keeps_leftovers = true;
        order.streams = streams;
        r = job_new(&job, request, s, &p->program, &order, on_job_done, request);
        if (r != 0)
                return r;
        request->controls = &job_controls;
        request->task = job;
        return 0;
}

/* -- sandbox.close ---------------------------------------------------------------------------- */

int method_sandbox_close(Handler *h, Request *request, const void *params,
                         RpcProblem *reterr _unused_) {
        const SandboxCloseParams *p = params;
        Sandbox *s = sandbox_find(h, p->sandbox);

        if (!s)
                return METHOD_E_UNKNOWN_SANDBOX;
        session_close(s, request);
        return 0;
}

/* -- sandbox.list ----------------------------------------------------------------------------- */

static int append_sandbox(json_object *list, Sandbox *s, uint64_t now) {
        json_object *object = json_object_new_object();
        uint64_t n = 0;
        int r;

        for (Execution *e = TAILQ_FIRST(&s->executions); e; e = execution_next(e))
                n++;
        r = json_append(list, object);
        if (r >= 0)
                r = json_set_string(object, "sandbox", s->opened.sandbox);
        if (r >= 0)
                r = json_set_string(object, "profile", s->opened.profile);
        if (r >= 0)
                r = json_set_uint(object, "executions", n);
        if (r >= 0)
                r = json_set_uint(object, "remaining_ms",
                                  s->deadline_usec > now ? (s->deadline_usec - now) / USEC_PER_MSEC
                                                         : 0);
        return r;
}

int method_sandbox_list(Handler *h, Request *request, const void *params _unused_,
                        RpcProblem *reterr _unused_) {
        _cleanup_json_ json_object *result = json_object_new_object();
        json_object *list = json_object_new_array();
        uint64_t now = 0;
        Sandbox *s;
        int r;

        r = result ? json_set(result, "sandboxes", list) : -ENOMEM;
        (void)sd_event_now(h->event, CLOCK_MONOTONIC, &now);
        TAILQ_FOREACH(s, &h->sandboxes, entry)
        if (r >= 0 && s->is_kept && s->state == SANDBOX_READY)
                r = append_sandbox(list, s, now);
        if (r < 0)
                return r;
        request_succeed(request, TAKE_PTR(result));
        return 0;
}
