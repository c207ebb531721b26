/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* exec.cancel and exec.stdin: what can be done to a run while it is under way. It is named by the
 * id of its request. */

#include <json-c/json.h>
#include <stdbool.h>

#include "handler/methods.h"

typedef struct ExecCancelParams {
        json_object *id;
} ExecCancelParams;

typedef struct ExecStdinParams {
        json_object *id;
        const char *text;
        const char *base64;
        bool eof;
} ExecStdinParams;

int method_exec_cancel(Handler *h, Request *request, const void *params, RpcProblem *reterr);
int method_exec_stdin(Handler *h, Request *request, const void *params, RpcProblem *reterr);
