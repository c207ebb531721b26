/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A file command is an ordinary program in the sandbox, the guest's own, and has no more rights than
 * any other there: whatever a path leads to, the code could have gone there itself. So nothing on
 * the host ever opens a path that a sandbox can influence, and what comes back is only bytes.
 *
 * An upload that its client does not finish is killed, which leaves the file that was there. */

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "handler/file-reader.h"
#include "handler/file-task.h"
#include "handler/handler.h"

struct FileTask {
        Execution *execution;
        const FileTaskEvents *events;
        void *userdata;
        FileReader reader;
        bool is_many;
        bool seen;      /* a record came */
        bool is_broken; /* what came is none */
        uint32_t error; /* the command's */
};

FileTask *file_task_free(FileTask *t) {
        free(t);
        return NULL;
}
DEFINE_CLEANUP(FileTask, file_task_free)

static int failure_of_errno(uint32_t error) {
        switch (error) {
        case 0:
                return 0;
        case ENOENT:
                return METHOD_E_FILE_NOT_FOUND;
        case EACCES:
        case EPERM:
                return METHOD_E_FILE_DENIED;
        case EISDIR:
                return METHOD_E_IS_A_DIRECTORY;
        case ENOTDIR:
                return METHOD_E_NOT_A_DIRECTORY;
        case EINVAL:
                return METHOD_E_NOT_A_FILE;
        case ENOSPC:
        case EDQUOT:
        case ENOMEM:
                return METHOD_E_NO_SPACE;
        case EROFS:
                return METHOD_E_READ_ONLY;
        case ENOTEMPTY:
                return METHOD_E_NOT_EMPTY;
        default:
                return METHOD_E_FILE;
        }
}

static void on_record(const FileRecord *record, const char *name, void *userdata) {
        FileTask *t = userdata;

        t->seen = true;
        if (record->type == FILE_RECORD_END || (record->error != 0 && !t->is_many))
                t->error = record->type == FILE_RECORD_END && record->error == E2BIG
                                   ? 0
                                   : record->error;
        if (record->type == FILE_RECORD_END || record->error == 0 || t->is_many)
                t->events->on_record(record, name, t->userdata);
}

static void on_data(const char *data, size_t size, void *userdata) {
        FileTask *t = userdata;

        t->events->on_data(data, size, t->userdata);
}

static const FileReaderEvents reader_events = {
        .on_record = on_record,
        .on_data = on_data,
};

static void on_started(void *userdata _unused_) {
}

static void on_output(unsigned stream, const char *data, size_t size, bool is_text _unused_,
                      void *userdata) {
        FileTask *t = userdata;

        if (stream == 0 && !t->is_broken && file_reader_feed(&t->reader, data, size) < 0)
                t->is_broken = true; /* nothing more is read of it; its end will come */
}

/* Why it did not do what it should. */
static int find_failure(const FileTask *t, const RunEnd *end, const char **ret_detail) {
        *ret_detail = NULL;
        if (end->cause == END_CANCELLED)
                return METHOD_E_CANCELLED;
        if (end->cause == END_TIMEOUT) {
                *ret_detail = "it took too long";
                return METHOD_E_FILE;
        }
        if (end->cause != END_EXITED)
                return METHOD_E_SANDBOX_ENDED;
        if (end->exited.kind == GUEST_EXIT_FAILED) {
                *ret_detail = strerror(end->exited.value);
                return METHOD_E_FILE;
        }
        if (t->is_broken || !t->seen || !file_reader_is_whole(&t->reader)) {
                *ret_detail = end->usage.oom_kills > 0
                                      ? "there is not enough memory left in the sandbox"
                                      : "it was ended by something in the sandbox";
                return METHOD_E_FILE;
        }
        if (failure_of_errno(t->error) == METHOD_E_FILE)
                *ret_detail = strerror((int)t->error);
        return failure_of_errno(t->error);
}

static void on_done(const RunEnd *end, int failure, const RpcProblem *problem, void *userdata) {
        _cleanup_(file_task_freep) FileTask *t = userdata;
        _cleanup_problem_ RpcProblem said = {};
        const char *detail = NULL;

        if (failure == 0) {
                failure = find_failure(t, end, &detail);
                if (detail && rpc_problem_set(&said, NULL, "%s", detail) >= 0)
                        problem = &said;
        }
        t->events->on_done(failure, problem, t->userdata);
}

static const ExecutionEvents execution_events = {
        .on_started = on_started,
        .on_output = on_output,
        .on_done = on_done,
};

static int make_argv(const FileCommand *c, json_object **ret) {
        _cleanup_json_ json_object *argv = json_object_new_array();
        int r;

        if (!argv)
                return -ENOMEM;
        r = json_append(argv, json_object_new_string(GUEST_PROGRAM_PATH));
        if (r >= 0)
                r = json_append(argv, json_object_new_string(GUEST_COMMAND_FILE));
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(c->words) && c->words[i]; i++)
                r = json_append(argv, json_object_new_string(c->words[i]));
        for (size_t i = 0; r >= 0 && c->more && i < json_object_array_length(c->more); i++)
                r = json_append(argv, json_object_get(json_object_array_get_idx(c->more, i)));
        if (r >= 0)
                *ret = TAKE_PTR(argv);
        return r;
}

int file_task_new(FileTask **ret, Sandbox *s, const FileCommand *command,
                  const FileTaskEvents *events, void *userdata) {
        _cleanup_(file_task_freep) FileTask *t = NULL;
        _cleanup_json_ json_object *argv = NULL;
        ExecutionOrder order = {
                .timeout_usec = command->is_long ? LIMIT_UNSET : FILE_TIMEOUT_USEC,
                .output_bytes = LIMIT_UNSET,
                .is_ours = true,
        };
        int r;

        t = calloc(1, sizeof(*t));
        if (!t)
                return -ENOMEM;
        *t = (FileTask){ .events = events, .userdata = userdata, .is_many = command->is_many };
        t->reader = (FileReader){ .events = &reader_events, .userdata = t };
        r = make_argv(command, &argv);
        if (r < 0)
                return r;
        order.payload.argv = argv;
        r = streams_new(&order.streams, s->handler);
        if (r < 0)
                return r;
        r = streams_add_input(order.streams, NULL, command->input, command->input_size,
                              !command->input_open);
        if (r != 0) {
                streams_free(order.streams);
                return r;
        }
        r = execution_new(&t->execution, s, &order, &execution_events, t);
        if (r != 0)
                return r;
        *ret = TAKE_PTR(t);
        return 0;
}

void file_task_cancel(FileTask *t) {
        execution_stop(t->execution, END_CANCELLED);
}

int file_task_add_input(FileTask *t, Request *request, const void *data, size_t size,
                        bool is_last) {
        return execution_add_input(t->execution, request, data, size, is_last);
}
