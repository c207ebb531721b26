/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* run: one program in a sandbox of its own. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "handler/methods.h"

typedef struct RunLimits {
        uint64_t memory_bytes;
        uint64_t tasks;
        uint64_t cpu_percent;
        uint64_t work_bytes;
        uint64_t output_bytes;
} RunLimits;

typedef struct RunParams {
        const char *profile;
        const char *code;
        json_object *argv;
        const char *input; /* "stdin" on the wire */
        const char *input_base64;
        bool input_open;
        json_object *env;
        uint64_t timeout_ms;
        RunLimits limits;
} RunParams;

#define RUN_PROFILE_DEFAULT "python"

int method_run(Handler *h, Request *request, const void *params, RpcProblem *reterr);
