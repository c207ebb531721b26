/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One file command in a sandbox (wire/file-record.h), run there as the code's own user. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "handler/execution.h"
#include "wire/file-record.h"

typedef struct FileTask FileTask;

/* From the event loop. */
typedef struct FileTaskEvents {
        /* A record without an error, or one with an error of a file of many (collect). */
        void (*on_record)(const FileRecord *record, const char *name, void *userdata);
        void (*on_data)(const char *data, size_t size, void *userdata);
        /* Once, the last; the task is then freed. failure is 0 or a METHOD_E_… or -errno, with what it
         * says (may be NULL). */
        void (*on_done)(int failure, const RpcProblem *problem, void *userdata);
} FileTaskEvents;

typedef struct FileCommand {
        const char *words[8]; /* behind "file", up to the first NULL */
        json_object *more;    /* an array of strings behind those; may be NULL */
        const void *input;    /* copied */
        size_t input_size;
        bool input_open;
        bool is_long; /* bytes go in or out for as long as they flow: not only FILE_TIMEOUT_USEC */
        bool is_many; /* it tells of several files, each of which may fail */
} FileCommand;

/* Begins. Returns 0, a METHOD_E_… or -errno. */
int file_task_new(FileTask **ret, Sandbox *s, const FileCommand *command,
                  const FileTaskEvents *events, void *userdata);
/* For the end of the handler. */
FileTask *file_task_free(FileTask *t);

/* Drops it: on_done comes with METHOD_E_CANCELLED. A file that was being put stays as it was. */
void file_task_cancel(FileTask *t);

/* As streams_add_input(). */
int file_task_add_input(FileTask *t, Request *request, const void *data, size_t size, bool is_last);
