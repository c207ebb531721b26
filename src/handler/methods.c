/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The rows are in the order a newcomer should read them, and server.info lists them in. */

#include <string.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "handler/method-exec.h"
#include "handler/method-file.h"
#include "handler/method-profile.h"
#include "handler/method-run.h"
#include "handler/method-sandbox.h"
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

/* Objects in a list, of a struct of their own. */
#define OBJECTS(n, s, member, low, high, table, element, text) \
        { .name = n,                                           \
          .type = FIELD_OBJECTS,                               \
          .offset = offsetof(s, member),                       \
          .min = low,                                          \
          .max = high,                                         \
          .fields = table,                                     \
          .n_fields = ARRAY_SIZE(table),                       \
          .size = sizeof(element),                             \
          .description = text }

/* Limits of a sandbox, the same for run and sandbox.open. */
#define LIMIT_FIELDS                                                                         \
        FIELD("memory_bytes", UINT, LimitParams, memory_bytes, MEMORY_MIN, JSON_INTEGER_MAX, \
              "Memory of the whole sandbox"),                                                \
                FIELD("tasks", UINT, LimitParams, tasks, TASKS_MIN, JSON_INTEGER_MAX,        \
                      "Processes and threads at once"),                                      \
                FIELD("cpu_percent", UINT, LimitParams, cpu_percent, CPU_PERCENT_MIN,        \
                      JSON_INTEGER_MAX, "Processor time; 100 is one processor"),             \
                FIELD("work_bytes", UINT, LimitParams, work_bytes, WORK_SIZE_MIN,            \
                      JSON_INTEGER_MAX, "Size of the file system on /work")

static const Field run_limits_fields[] = {
        LIMIT_FIELDS,
        FIELD("output_bytes", UINT, LimitParams, output_bytes, 1, JSON_INTEGER_MAX,
              "stdout and stderr together"),
};

static const Field open_limits_fields[] = { LIMIT_FIELDS };

static const Field file_fields[] = {
        MANDATORY("path", STRING, RunFile, path, 1, FILE_PATH_MAX - 1,
                  "Where to put it; relative to the working directory, /work"),
        FIELD("text", STRING, RunFile, text, 0, LINE_SIZE_MAX, "Content, as text"),
        FIELD("base64", STRING, RunFile, base64, 0, LINE_SIZE_MAX, "Content, as base64"),
        FIELD("mode", STRING, RunFile, mode, 1, 4,
              "Permissions, octal, from 0000 to 0777; 0644 when absent"),
};

const Field *const run_file_fields = file_fields;
const size_t n_run_file_fields = ARRAY_SIZE(file_fields);

/* What is run, the same in a sandbox of its own and in one that lives. */
#define PROGRAM_FIELDS(s)                                                                          \
        FIELD("code", STRING, s, program.code, 0, LINE_SIZE_MAX,                                   \
              "Source text for the profile's interpreter"),                                        \
                FIELD("argv", STRINGS, s, program.argv, 1, ARGV_MAX,                               \
                      "A program and its arguments, instead of code"),                             \
                FIELD("stdin", STRING, s, program.input, 0, LINE_SIZE_MAX, "Input, as text"),      \
                FIELD("stdin_base64", STRING, s, program.input_base64, 0, LINE_SIZE_MAX,           \
                      "Input, as base64"),                                                         \
                FIELD("stdin_open", BOOL, s, program.input_open, 0, 0,                             \
                      "More input will come by exec.stdin; otherwise the program sees its "        \
                      "end"),                                                                      \
                FIELD("env", ENV, s, program.env, 0, ARGV_MAX,                                     \
                      "Variables added to the environment"),                                       \
                FIELD("cwd", STRING, s, program.cwd, 1, FILE_PATH_MAX - 1,                         \
                      "Directory to begin in; the profile's, /work, when absent"),                 \
                FIELD("pty", BOOL, s, program.has_terminal, 0, 0,                                  \
                      "Gives it a terminal, whose output is stdout"),                              \
                FIELD("rows", UINT, s, program.rows, 0, TERMINAL_SIZE_MAX,                         \
                      "Lines of the terminal; 24 when absent"),                                    \
                FIELD("cols", UINT, s, program.columns, 0, TERMINAL_SIZE_MAX,                      \
                      "Columns of the terminal; 80 when absent"),                                  \
                FIELD("timeout_ms", UINT, s, program.timeout_ms, TIMEOUT_MIN_USEC / USEC_PER_MSEC, \
                      TIMEOUT_MAX_USEC / USEC_PER_MSEC, "Wall time; the profile's when absent"),   \
                FIELD("capture", BOOL, s, program.captures, 0, 0,                                  \
                      "stdout and stderr come in the result and not as notifications; of more "    \
                      "than 256 KiB the middle is left out")

static const Field run_fields[] = {
        FIELD("profile", STRING, RunParams, profile, 1, PROFILE_NAME_SIZE - 1,
              "Which profile to run in; python when absent"),
        PROGRAM_FIELDS(RunParams),
        OBJECT("limits", RunParams, limits, run_limits_fields,
               "Limits narrower than the profile's"),
        OBJECTS("files", RunParams, files, 0, FILE_COLLECT_MAX, file_fields, RunFile,
                "Files to put there first"),
        FIELD("collect", STRINGS, RunParams, collect, 1, FILE_COLLECT_MAX,
              "Patterns such as *.png: what matches comes back in the result as files"),
};

static const Field sandbox_open_fields[] = {
        FIELD("profile", STRING, SandboxOpenParams, profile, 1, PROFILE_NAME_SIZE - 1,
              "Which profile to open; python when absent"),
        FIELD("env", ENV, SandboxOpenParams, env, 0, ARGV_MAX,
              "Variables added to the environment of everything in it"),
        OBJECT("limits", SandboxOpenParams, limits, open_limits_fields,
               "Limits narrower than the profile's"),
        FIELD("lifetime_ms", UINT, SandboxOpenParams, lifetime_ms, TIMEOUT_MIN_USEC / USEC_PER_MSEC,
              TIMEOUT_MAX_USEC / USEC_PER_MSEC, "How long it may live; the profile's when absent"),
};

#define SANDBOX_FIELD(s) \
        MANDATORY("sandbox", STRING, s, sandbox, 1, ID_SIZE - 1, "The id that sandbox.open gave")

static const Field sandbox_exec_fields[] = {
        SANDBOX_FIELD(SandboxExecParams),
        PROGRAM_FIELDS(SandboxExecParams),
        FIELD("output_bytes", UINT, SandboxExecParams, program.output_bytes, 1, JSON_INTEGER_MAX,
              "stdout and stderr together"),
        FIELD("reset", BOOL, SandboxExecParams, reset, 0, 0,
              "Starts the interpreter afresh: what earlier code left in it is gone"),
};

static const Field sandbox_close_fields[] = { SANDBOX_FIELD(SandboxCloseParams) };

#define REQUEST_FIELD(s) MANDATORY("id", ID, s, id, 0, 0, "The id of the request that started it")

static const Field exec_cancel_fields[] = { REQUEST_FIELD(ExecCancelParams) };

static const Field exec_stdin_fields[] = {
        REQUEST_FIELD(ExecStdinParams),
        FIELD("text", STRING, ExecStdinParams, text, 0, LINE_SIZE_MAX, "Input, as text"),
        FIELD("base64", STRING, ExecStdinParams, base64, 0, LINE_SIZE_MAX, "Input, as base64"),
        FIELD("eof", BOOL, ExecStdinParams, eof, 0, 0, "The program sees the end after this"),
};

static const Field exec_signal_fields[] = {
        REQUEST_FIELD(ExecSignalParams),
        MANDATORY("signal", STRING, ExecSignalParams, signal, 1, 16,
                  "Its name, as in INT or SIGINT, or its number"),
};

static const Field exec_resize_fields[] = {
        REQUEST_FIELD(ExecResizeParams),
        MANDATORY("rows", UINT, ExecResizeParams, rows, 0, TERMINAL_SIZE_MAX, "Lines"),
        MANDATORY("cols", UINT, ExecResizeParams, columns, 0, TERMINAL_SIZE_MAX, "Columns"),
};

#define PATH_FIELD(s, text) MANDATORY("path", STRING, s, path, 1, FILE_PATH_MAX - 1, text)

static const Field file_put_fields[] = {
        SANDBOX_FIELD(FilePutParams),
        MANDATORY("path", STRING, FilePutParams, file.path, 1, FILE_PATH_MAX - 1,
                  "Where to put it; relative to /work. Missing directories are made"),
        FIELD("text", STRING, FilePutParams, file.text, 0, LINE_SIZE_MAX, "Content, as text"),
        FIELD("base64", STRING, FilePutParams, file.base64, 0, LINE_SIZE_MAX, "Content, as base64"),
        FIELD("mode", STRING, FilePutParams, file.mode, 1, 4,
              "Permissions, octal, from 0000 to 0777; 0644 when absent"),
        FIELD("offset", UINT, FilePutParams, offset, 0, JSON_INTEGER_MAX,
              "Writes over the file from this byte on; when absent, a new file takes its place"),
        FIELD("more", BOOL, FilePutParams, more, 0, 0,
              "More content will come by exec.stdin with this request's id, to its eof"),
};

static const Field file_get_fields[] = {
        SANDBOX_FIELD(FileGetParams),
        PATH_FIELD(FileGetParams, "The file; relative to /work"),
        FIELD("offset", UINT, FileGetParams, offset, 0, JSON_INTEGER_MAX,
              "The first byte; 0 when absent"),
        FIELD("length", UINT, FileGetParams, length, 0, JSON_INTEGER_MAX,
              "At most so many bytes; without stream never more than 512 KiB"),
        FIELD("stream", BOOL, FileGetParams, stream, 0, 0,
              "The bytes come as notifications and not in the result"),
};

static const Field file_list_fields[] = {
        SANDBOX_FIELD(FileListParams),
        FIELD("path", STRING, FileListParams, path, 1, FILE_PATH_MAX - 1,
              "The directory; /work when absent"),
        FIELD("after", STRING, FileListParams, after, 0, FILE_PATH_MAX - 1,
              "Only what comes behind this name: the last one of a truncated list"),
        FIELD("recursive", BOOL, FileListParams, recursive, 0, 0, "With everything below"),
};

static const Field file_remove_fields[] = {
        SANDBOX_FIELD(FileRemoveParams),
        PATH_FIELD(FileRemoveParams, "The file or directory; relative to /work"),
        FIELD("recursive", BOOL, FileRemoveParams, recursive, 0, 0,
              "A directory with everything below it"),
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
               "The profiles that a run or a sandbox can name, and their limits"),
        METHOD_WITH("run", method_run, run_fields, RunParams, false,
                    "Runs code or a program in a sandbox of its own, to its end"),
        METHOD_WITH("sandbox.open", method_sandbox_open, sandbox_open_fields, SandboxOpenParams,
                    false,
                    "Opens a sandbox that lives until it is closed, its time is up or the "
                    "connection ends"),
        METHOD_WITH("sandbox.exec", method_sandbox_exec, sandbox_exec_fields, SandboxExecParams,
                    false,
                    "Runs code or a program in an open sandbox; code keeps its "
                    "interpreter's state"),
        METHOD_WITH("sandbox.close", method_sandbox_close, sandbox_close_fields, SandboxCloseParams,
                    false, "Ends a sandbox and everything in it"),
        METHOD("sandbox.list", method_sandbox_list, "The sandboxes that are open"),
        METHOD_WITH("exec.stdin", method_exec_stdin, exec_stdin_fields, ExecStdinParams, true,
                    "Gives a program input, or a file content; answered when there is room for "
                    "more"),
        METHOD_WITH("exec.signal", method_exec_signal, exec_signal_fields, ExecSignalParams, true,
                    "Sends a signal to a program and its process group"),
        METHOD_WITH("exec.resize", method_exec_resize, exec_resize_fields, ExecResizeParams, true,
                    "Gives a program's terminal a new size"),
        METHOD_WITH("exec.cancel", method_exec_cancel, exec_cancel_fields, ExecCancelParams, true,
                    "Ends what a request started, with everything that it started itself"),
        METHOD_WITH("file.put", method_file_put, file_put_fields, FilePutParams, false,
                    "Puts a file into an open sandbox, in one step: it is the old one or the new"),
        METHOD_WITH("file.get", method_file_get, file_get_fields, FileGetParams, false,
                    "Takes a file, or a part of it, out of an open sandbox"),
        METHOD_WITH("file.list", method_file_list, file_list_fields, FileListParams, false,
                    "Lists a directory of an open sandbox by name"),
        METHOD_WITH("file.remove", method_file_remove, file_remove_fields, FileRemoveParams, false,
                    "Removes a file or directory in an open sandbox"),
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
