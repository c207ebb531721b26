/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* sandbox.*: a sandbox that lives until it is closed, its time is up or the connection ends. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "handler/method-run.h"
#include "handler/methods.h"
#include "handler/order.h"

typedef struct SandboxOpenParams {
        const char *profile;
        json_object *env;
        LimitParams limits;
        uint64_t lifetime_ms;
} SandboxOpenParams;

typedef struct SandboxExecParams {
        const char *sandbox;
        ProgramParams program;
        bool reset;
} SandboxExecParams;

typedef struct SandboxCloseParams {
        const char *sandbox;
} SandboxCloseParams;

int method_sandbox_open(Handler *h, Request *request, const void *params, RpcProblem *reterr);
int method_sandbox_exec(Handler *h, Request *request, const void *params, RpcProblem *reterr);
int method_sandbox_close(Handler *h, Request *request, const void *params, RpcProblem *reterr);
int method_sandbox_list(Handler *h, Request *request, const void *params, RpcProblem *reterr);
