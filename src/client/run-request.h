/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The parameters of a run, from what the command line said. Pure. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "basic/limits.h"
#include "client/program.h"

/* Numbers are LIMIT_UNSET where nothing was said: the profile's own then counts. */
typedef struct RunRequest {
        Program program;
        json_object *env; /* owned; NULL when none */
        uint64_t timeout_usec;
        uint64_t memory_bytes;
        uint64_t tasks;
        uint64_t cpu_percent;
        uint64_t work_bytes;
        uint64_t output_bytes;
        const char *cwd; /* borrowed; NULL: where the profile starts programs */
        bool stdin_open; /* input follows */
} RunRequest;

#define RUN_REQUEST_NONE                     \
        ((RunRequest){                       \
                .timeout_usec = LIMIT_UNSET, \
                .memory_bytes = LIMIT_UNSET, \
                .tasks = LIMIT_UNSET,        \
                .cpu_percent = LIMIT_UNSET,  \
                .work_bytes = LIMIT_UNSET,   \
                .output_bytes = LIMIT_UNSET, \
        })

void run_request_done(RunRequest *r);
#define _cleanup_run_request_ _cleanup_(run_request_done)

/* Adds "NAME=VALUE", or "NAME" with its value of our own environment. Returns 0, -EINVAL for what
 * is neither, -ENOENT when our environment has no such name, -ENOMEM. */
int run_request_add_env(RunRequest *r, const char *assignment);

/* The params of run; of sandbox.open; of sandbox.exec in that sandbox. Each returns 0; -EILSEQ when some text is not UTF-8 or holds a NUL character, with
 * its place in *reterr_what (static); -ENOMEM. */
int run_request_format(const RunRequest *r, json_object **ret, const char **reterr_what);
int run_request_format_open(const RunRequest *r, json_object **ret, const char **reterr_what);
int run_request_format_exec(const RunRequest *r, const char *sandbox, json_object **ret,
                            const char **reterr_what);
