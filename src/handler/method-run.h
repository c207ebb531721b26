/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* run: one program in a sandbox of its own, with files put there before and taken from there
 * after. */

#include <json-c/json.h>
#include <stdint.h>

#include "handler/methods.h"
#include "handler/order.h"

/* Limits of a sandbox. */
typedef struct LimitParams {
        uint64_t memory_bytes;
        uint64_t tasks;
        uint64_t cpu_percent;
        uint64_t work_bytes;
        uint64_t output_bytes; /* run only */
} LimitParams;

typedef struct RunParams {
        const char *profile;
        ProgramParams program;
        LimitParams limits;
        json_object *files;   /* an array of what file_put_fields describe */
        json_object *collect; /* an array of patterns */
} RunParams;

/* One of its files. */
typedef struct RunFile {
        const char *path;
        const char *text;
        const char *base64;
        const char *mode;
} RunFile;

#define RUN_PROFILE_DEFAULT "python"

int method_run(Handler *h, Request *request, const void *params, RpcProblem *reterr);
