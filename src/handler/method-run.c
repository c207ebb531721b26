/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A run goes through its steps one after another: the sandbox is opened, each file put, the program
 * run, the files that it left collected, the sandbox closed. The first step that fails ends it:
 * with an error while nothing was run, and with the program's result from then on. The request is
 * answered as soon as the answer is known; the sandbox is already being killed then.
 *
 * Where it is, is in what it has: no sandbox, a file task, a job, a file task and a result. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "handler/collection.h"
#include "handler/file-task.h"
#include "handler/handler.h"
#include "handler/job.h"
#include "handler/method-file.h"
#include "handler/method-run.h"
#include "handler/record.h"
#include "handler/request.h"

typedef struct Run {
        Request *request;
        RunParams params; /* points into the request's until the program was started */
        json_object *collect;
        Streams *streams; /* what it is to read, until it is started */
        size_t n_put;
        const char *put_path; /* of the one that is being put */
        Sandbox *sandbox;     /* NULL: ended */
        Job *job;
        FileTask *file;
        Collection *collection;
        json_object *result;
} Run;

static Run *run_free(Run *run) {
        if (!run)
                return NULL;
        job_free(run->job);
        file_task_free(run->file);
        collection_free(run->collection);
        streams_free(run->streams);
        (void)json_object_put(run->collect);
        (void)json_object_put(run->result);
        free(run);
        return NULL;
}

/* -- the answer ------------------------------------------------------------------------------- */

/* Takes the request away from the run, which is then freed, and lets the sandbox go by itself. */
static Request *take_request(Run *run) {
        Request *request = run->request;

        request->controls = NULL;
        if (run->sandbox) {
                sandbox_disown(run->sandbox);
                sandbox_end(run->sandbox, END_CLOSED);
        }
        run_free(run);
        return request;
}

static void answer(Run *run) {
        json_object *result = TAKE_PTR(run->result);

        request_succeed(take_request(run), result);
}

static void fail(Run *run, int failure, const RpcProblem *problem) {
        request_fail(take_request(run), failure, problem);
}

/* The result of a run that was ended before there was anything to run. */
static int format_nothing(Run *run, EndCause cause, const SandboxEnd *ended, json_object **ret) {
        RunEnd end = {
                .cause = cause,
                .death = ended->death,
                .usage_known = ended->usage_known,
                .usage = ended->usage,
        };
        ResultSubject subject = { .sandbox = "",
                                  .digest = "",
                                  .profile = run->params.profile ? run->params.profile
                                                                 : RUN_PROFILE_DEFAULT };
        Result result;

        result_decide(&end, &result);
        return result_format(&result, &end, &subject, ret);
}

/* -- the files that it left -------------------------------------------------------------------- */

static void on_collected(json_object *files, int failure, const RpcProblem *problem _unused_,
                         void *userdata) {
        Run *run = userdata;
        int r;

        run->collection = NULL;
        r = failure == 0 ? json_set(run->result, "files", files)
                         : json_set_string(run->result, "files_problem",
                                           rpc_error_message(RPC_ERROR_FILE_FAILED));
        if (r < 0)
                fail(run, r, NULL);
        else
                answer(run);
}

/* Also for a program that was ended: what it has written so far may be all there is. */
static void collect(Run *run) {
        int r;

        if (!run->collect || !run->sandbox || !sandbox_is_alive(run->sandbox)) {
                answer(run);
                return;
        }
        r = collection_new(&run->collection, run->sandbox, run->request, run->collect, on_collected,
                           run);
        if (r != 0)
                answer(run);
}

/* -- the program ------------------------------------------------------------------------------ */

static void on_job_done(json_object *result, int failure, const RpcProblem *problem,
                        void *userdata) {
        Run *run = userdata;

        run->job = NULL;
        if (failure != 0) {
                fail(run, failure, problem);
                return;
        }
        run->result = result;
        collect(run);
}

static void run_program(Run *run) {
        _cleanup_problem_ RpcProblem problem = {};
        ExecutionOrder order;
        int r;

        r = order_make(&run->params.program, run->sandbox, run->request, &order);
        if (r == 0) {
                order.streams = TAKE_PTR(run->streams);
                r = job_new(&run->job, run->request, run->sandbox, &run->params.program, &order,
                            on_job_done, run);
        }
        if (r != 0)
                fail(run, r, &problem);
}

/* -- the files that it gets -------------------------------------------------------------------- */

static void put_next(Run *run);

static void on_put_record(const FileRecord *record, const char *name _unused_, void *userdata) {
        Run *run = userdata;

        record_file(run->request->handler, AUDIT_FILE_IN, run->request->id,
                    run->sandbox->opened.sandbox, run->put_path, record->size);
}

static void on_put_data(const char *data _unused_, size_t size _unused_, void *userdata _unused_) {
}

static void on_put_done(int failure, const RpcProblem *problem, void *userdata) {
        _cleanup_problem_ RpcProblem named = {};
        char field[32];
        Run *run = userdata;

        run->file = NULL;
        if (!sandbox_is_alive(run->sandbox))
                return; /* its end answers */
        if (failure != 0) {
                (void)snprintf(field, sizeof(field), "files[%zu].path", run->n_put);
                if (rpc_problem_set(&named, field, "%s",
                                    problem && problem->detail ? problem->detail
                                                               : "could not be put") >= 0)
                        problem = &named;
                fail(run, failure, problem);
                return;
        }
        run->n_put++;
        put_next(run);
}

static const FileTaskEvents put_events = {
        .on_record = on_put_record,
        .on_data = on_put_data,
        .on_done = on_put_done,
};

static int put(Run *run, RpcProblem *reterr) {
        _cleanup_free_ void *decoded = NULL;
        const void *data;
        size_t size;
        RunFile f;
        int r;

        r = method_file_parse(run->params.files, run->n_put, &f, reterr);
        if (r == 0)
                r = order_decode(f.text, f.base64, "files", &data, &size, &decoded, reterr);
        if (r != 0)
                return r;
        run->put_path = f.path;
        return file_task_new(
                &run->file, run->sandbox,
                &(FileCommand){
                        .words = { "put", f.path, f.mode ? f.mode : FILE_MODE_DEFAULT },
                        .input = data,
                        .input_size = size,
        },
                &put_events, run);
}

static void put_next(Run *run) {
        _cleanup_problem_ RpcProblem problem = {};
        int r;

        if (!run->params.files || run->n_put >= json_object_array_length(run->params.files)) {
                run_program(run);
                return;
        }
        r = put(run, &problem);
        if (r != 0)
                fail(run, r, &problem);
}

/* -- the sandbox ------------------------------------------------------------------------------ */

static void on_ready(void *userdata) {
        put_next(userdata);
}

static void on_ended(const SandboxEnd *end, void *userdata) {
        Run *run = userdata;
        int r;

        run->sandbox = NULL;
        if (end->refused)
                request_refuse(take_request(run), end->refused);
        else if (end->failure != 0)
                fail(run, end->failure, end->problem);
        else {
                r = format_nothing(run, end->cause, end, &run->result);
                if (r < 0)
                        fail(run, r, NULL);
                else
                        answer(run);
        }
}

static const SandboxEvents sandbox_events = {
        .on_ready = on_ready,
        .on_ended = on_ended,
};

/* -- controls --------------------------------------------------------------------------------- */

static void cancel(void *task) {
        Run *run = task;

        if (run->job)
                job_controls.cancel(run->job);
        else if (run->sandbox)
                sandbox_end(run->sandbox, END_CANCELLED);
}

static int add_input(void *task, Request *from, const void *data, size_t size, bool is_last) {
        Run *run = task;

        if (run->job)
                return job_controls.add_input(run->job, from, data, size, is_last);
        return run->streams ? streams_add_input(run->streams, from, data, size, is_last)
                            : METHOD_E_STDIN_CLOSED;
}

static int send_signal(void *task, uint32_t signo) {
        Run *run = task;

        return run->job ? job_controls.signal(run->job, signo) : -ESRCH;
}

static int resize(void *task, uint16_t rows, uint16_t columns) {
        Run *run = task;

        return run->job ? job_controls.resize(run->job, rows, columns) : -ESRCH;
}

static void free_task(void *task) {
        run_free(task);
}

static const RequestControls controls = {
        .cancel = cancel,
        .add_input = add_input,
        .signal = send_signal,
        .resize = resize,
        .free = free_task,
};

/* -- the method ------------------------------------------------------------------------------- */

static int check(const RunParams *p, RpcProblem *reterr) {
        RunFile f;
        int r;

        r = order_check(&p->program, reterr);
        for (size_t i = 0; r == 0 && p->files && i < json_object_array_length(p->files); i++)
                r = method_file_parse(p->files, i, &f, reterr);
        return r;
}

int method_run(Handler *h, Request *request, const void *params, RpcProblem *reterr) {
        const RunParams *p = params;
        LauncherLimits limits = {
                .memory_bytes = p->limits.memory_bytes,
                .tasks = p->limits.tasks,
                .cpu_percent = p->limits.cpu_percent,
                .work_bytes = p->limits.work_bytes,
                .timeout_usec = p->program.timeout_ms == LIMIT_UNSET
                                        ? LIMIT_UNSET
                                        : p->program.timeout_ms * USEC_PER_MSEC,
                .output_bytes = p->limits.output_bytes,
                .lifetime_usec = LIMIT_UNSET,
        };
        Run *run;
        int r;

        r = check(p, reterr);
        if (r != 0)
                return r;
        run = calloc(1, sizeof(*run));
        if (!run)
                return -ENOMEM;
        *run = (Run){
                .request = request,
                .params = *p,
                .collect = json_object_get(p->collect),
        };
        run->params.program.output_bytes = LIMIT_UNSET; /* it is the sandbox's, by limits */
        r = order_open_streams(&p->program, h, &run->streams, reterr);
        if (r != 0) {
                run_free(run);
                return r;
        }
        r = sandbox_new(&run->sandbox, h, p->profile ? p->profile : RUN_PROFILE_DEFAULT, &limits,
                        /* is_kept= */ false, p->program.env, &sandbox_events, run);
        if (r != 0) {
                run_free(run);
                return r;
        }
        request->controls = &controls;
        request->task = run;
        return 0;
}
