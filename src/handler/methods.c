/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rows are in the order a newcomer should read them, and server.info lists them in. */

#include <string.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "handler/method-exec.h"
#include "handler/method-profile.h"
#include "handler/method-run.h"
#include "handler/method-server.h"
#include "handler/methods.h"

/* One field: name on the wire, type, place in a struct, bounds, and what a person is told. */
#define FIELD(n, t, s, member, low, high, text) \
        { .name = n,                            \
          .type = FIELD_##t,                    \
          .offset = offsetof(s, member),        \
          .min = low,                           \
          .max = high,                          \
          .description = text }
#define MANDATORY(n, t, s, member, low, high, text) \
        { .name = n,                                \
          .type = FIELD_##t,                        \
          .offset = offsetof(s, member),            \
          .min = low,                               \
          .max = high,                              \
          .description = text,                      \
          .mandatory = true }
#define OBJECT(n, s, member, table, text) \
        { .name = n,                      \
          .type = FIELD_OBJECT,           \
          .offset = offsetof(s, member),  \
          .fields = table,                \
          .n_fields = ARRAY_SIZE(table),  \
          .description = text }

static const Field run_limits_fields[] = {
        FIELD("memory_bytes", UINT, RunLimits, memory_bytes, MEMORY_MIN, JSON_INTEGER_MAX,
              "Memory of the whole sandbox"),
        FIELD("tasks", UINT, RunLimits, tasks, TASKS_MIN, JSON_INTEGER_MAX,
              "Processes and threads at once"),
        FIELD("cpu_percent", UINT, RunLimits, cpu_percent, CPU_PERCENT_MIN, JSON_INTEGER_MAX,
              "Processor time; 100 is one processor"),
        FIELD("work_bytes", UINT, RunLimits, work_bytes, WORK_SIZE_MIN, JSON_INTEGER_MAX,
              "Size of the file system on /work"),
        FIELD("output_bytes", UINT, RunLimits, output_bytes, 1, JSON_INTEGER_MAX,
              "stdout and stderr together"),
};

static const Field run_fields[] = {
        FIELD("profile", STRING, RunParams, profile, 1, PROFILE_NAME_SIZE - 1,
              "Which profile to run in; python when absent"),
        FIELD("code", STRING, RunParams, code, 0, LINE_SIZE_MAX,
              "Source text for the profile's interpreter"),
        FIELD("argv", STRINGS, RunParams, argv, 1, ARGV_MAX,
              "A program and its arguments, instead of code"),
        FIELD("stdin", STRING, RunParams, input, 0, LINE_SIZE_MAX, "Input, as text"),
        FIELD("stdin_base64", STRING, RunParams, input_base64, 0, LINE_SIZE_MAX,
              "Input, as base64"),
        FIELD("stdin_open", BOOL, RunParams, input_open, 0, 0,
              "More input will come by exec.stdin; otherwise the program sees its end"),
        FIELD("env", ENV, RunParams, env, 0, ARGV_MAX, "Variables added to the environment"),
        FIELD("timeout_ms", UINT, RunParams, timeout_ms, TIMEOUT_MIN_USEC / USEC_PER_MSEC,
              TIMEOUT_MAX_USEC / USEC_PER_MSEC, "Wall time; the profile's when absent"),
        OBJECT("limits", RunParams, limits, run_limits_fields,
               "Limits narrower than the profile's"),
};

static const Field exec_cancel_fields[] = {
        MANDATORY("id", ID, ExecCancelParams, id, 0, 0, "The id of the run's request"),
};

static const Field exec_stdin_fields[] = {
        MANDATORY("id", ID, ExecStdinParams, id, 0, 0, "The id of the run's request"),
        FIELD("text", STRING, ExecStdinParams, text, 0, LINE_SIZE_MAX, "Input, as text"),
        FIELD("base64", STRING, ExecStdinParams, base64, 0, LINE_SIZE_MAX, "Input, as base64"),
        FIELD("eof", BOOL, ExecStdinParams, eof, 0, 0, "The program sees the end after this"),
};

/* One method: name on the wire, function, and what a person is told. */
#define METHOD(n, function, text) { .name = n, .handle = function, .description = text }
/* … with its fields, the struct that they describe, and whether it may come as a notification. */
#define METHOD_WITH(n, function, table, s, notify, text) \
        { .name = n,                                     \
          .handle = function,                            \
          .fields = table,                               \
          .n_fields = ARRAY_SIZE(table),                 \
          .params_size = sizeof(s),                      \
          .may_notify = notify,                          \
          .description = text }

static const Method rows[] = {
        METHOD("server.info", method_server_info,
               "Who is served by what, within which limits, by which methods"),
        METHOD("profile.list", method_profile_list,
               "The profiles that a run can name, and their limits"),
        METHOD_WITH("run", method_run, run_fields, RunParams, false,
                    "Runs code or a program in a sandbox of its own, to its end"),
        METHOD_WITH("exec.cancel", method_exec_cancel, exec_cancel_fields, ExecCancelParams, true,
                    "Ends a run and everything that it started"),
        METHOD_WITH("exec.stdin", method_exec_stdin, exec_stdin_fields, ExecStdinParams, true,
                    "Gives a run input; answered when there is room for more"),
};

const Method *const methods = rows;

size_t method_count(void) {
        return ARRAY_SIZE(rows);
}

const Method *method_find(const char *name) {
        for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
                if (strcmp(rows[i].name, name) == 0)
                        return rows + i;
        return NULL;
}
