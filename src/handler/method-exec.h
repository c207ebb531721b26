/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* exec.*: what can be done to a request while it is under way. It is named by its id. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

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

typedef struct ExecSignalParams {
        json_object *id;
        const char *signal;
} ExecSignalParams;

typedef struct ExecResizeParams {
        json_object *id;
        uint64_t rows;
        uint64_t columns;
} ExecResizeParams;

int method_exec_cancel(Handler *h, Request *request, const void *params, RpcProblem *reterr);
int method_exec_stdin(Handler *h, Request *request, const void *params, RpcProblem *reterr);
int method_exec_signal(Handler *h, Request *request, const void *params, RpcProblem *reterr);
int method_exec_resize(Handler *h, Request *request, const void *params, RpcProblem *reterr);

/* The number of "INT", "SIGINT" or "2"; 0 for what is none. Pure. */
uint32_t method_exec_signal_number(const char *name);
