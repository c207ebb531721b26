/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Binds the three together: the execution tells, the report passes on, the request is controlled.
 * Who answers the request is the job's owner, since it may have more to do or to say. */

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "handler/handler.h"
#include "handler/job.h"

struct Job {
        Request *request;
        Report *report;
        Execution *execution;
        bool is_code; /* by the sandbox's interpreter */
        ResultSubject subject;
        char sandbox[ID_SIZE];
        char profile[PROFILE_NAME_SIZE];
        char digest[DIGEST_SIZE];
        job_done_t done;
        void *userdata;
};

Job *job_free(Job *j) {
        if (!j)
                return NULL;
        report_free(j->report);
        free(j);
        return NULL;
}
DEFINE_CLEANUP(Job, job_free)

/* -- controls --------------------------------------------------------------------------------- */

static void cancel(void *task) {
        Job *j = task;

        execution_stop(j->execution, END_CANCELLED);
}

static int add_input(void *task, Request *from, const void *data, size_t size, bool is_last) {
        Job *j = task;

        return execution_add_input(j->execution, from, data, size, is_last);
}

static int send_signal(void *task, uint32_t signo) {
        Job *j = task;

        return execution_signal(j->execution, signo);
}

static int resize(void *task, uint16_t rows, uint16_t columns) {
        Job *j = task;

        return execution_resize(j->execution, rows, columns);
}

static void free_task(void *task) {
        job_free(task);
}

const RequestControls job_controls = {
        .cancel = cancel,
        .add_input = add_input,
        .signal = send_signal,
        .resize = resize,
        .free = free_task,
};

/* -- the execution ---------------------------------------------------------------------------- */

static void on_started(void *userdata) {
        Job *j = userdata;

        request_drop_params(j->request);
}

static void on_output(unsigned stream, const char *data, size_t size, bool is_text,
                      void *userdata) {
        Job *j = userdata;

        report_output(j->report, stream, data, size, is_text);
}

static void on_result(json_object *data, size_t size, void *userdata) {
        Job *j = userdata;

        report_result(j->report, data, size);
}

static void on_error(json_object *error, void *userdata) {
        Job *j = userdata;

        report_error(j->report, error);
}

static const char *state_name(CodeState state) {
        switch (state) {
        case CODE_STATE_KEPT:
                return "kept";
        case CODE_STATE_LOST:
                return "lost";
        case CODE_STATE_NONE:
        default:
                return "none";
        }
}

static int format(Job *j, const RunEnd *end, json_object **ret) {
        _cleanup_json_ json_object *object = NULL;
        Result result;
        int r;

        result_decide(end, &result);
        r = result_format(&result, end, &j->subject, &object);
        if (r >= 0 && j->is_code)
                r = json_set_string(object, "state", state_name(end->code_state));
        if (r >= 0)
                r = report_finish(j->report, object);
        if (r >= 0)
                *ret = TAKE_PTR(object);
        return r;
}

static void on_done(const RunEnd *end, int failure, const RpcProblem *problem, void *userdata) {
        _cleanup_(job_freep) Job *j = userdata;
        json_object *result = NULL;

        if (j->request->task == j)
                j->request->controls = NULL;
        if (failure == 0)
                failure = format(j, end, &result);
        j->done(result, failure, problem, j->userdata);
}

static const ExecutionEvents execution_events = {
        .on_started = on_started,
        .on_output = on_output,
        .on_result = on_result,
        .on_error = on_error,
        .on_done = on_done,
};

int job_new(Job **ret, Request *request, Sandbox *s, const ProgramParams *params,
            const ExecutionOrder *order, job_done_t done, void *userdata) {
        _cleanup_(job_freep) Job *j = NULL;
        int r;

        j = calloc(1, sizeof(*j));
        if (!j) {
                streams_free(order->streams);
                return -ENOMEM;
        }
        *j = (Job){
                .request = request,
                .is_code = s->is_kept && params->code,
                .done = done,
                .userdata = userdata,
        };
        memcpy(j->sandbox, s->opened.sandbox, sizeof(j->sandbox));
        memcpy(j->profile, s->opened.profile, sizeof(j->profile));
        memcpy(j->digest, s->opened.digest, sizeof(j->digest));
        j->subject = (ResultSubject){ .sandbox = j->sandbox,
                                      .profile = j->profile,
                                      .digest = j->digest };
        r = report_new(&j->report, request, params->captures, params->code);
        if (r < 0) {
                streams_free(order->streams);
                return r;
        }
        r = execution_new(&j->execution, s, order, &execution_events, j);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(j);
        return 0;
}
