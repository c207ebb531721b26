/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a client asks to be run, the same in a sandbox of its own and in one that lives: its
 * parameters, checked, and what becomes of them. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "handler/execution.h"
#include "wire/rpc-error.h"

/* As field_parse() fills it. */
typedef struct ProgramParams {
        const char *code;
        json_object *argv;
        const char *input; /* "stdin" on the wire */
        const char *input_base64;
        bool input_open;
        json_object *env;
        const char *cwd;
        bool has_terminal; /* "pty" */
        uint64_t rows;
        uint64_t columns; /* "cols" */
        uint64_t timeout_ms;
        uint64_t output_bytes;
        bool captures; /* "capture" */
} ProgramParams;

/* What a table of fields cannot say. Returns 0, METHOD_E_PARAMS with reterr set, or -ENOMEM. */
int order_check(const ProgramParams *p, RpcProblem *reterr);

/* Makes its streams, with the input that it brought along in them. Returns 0, METHOD_E_PARAMS with
 * reterr set, METHOD_E_STDIN_FULL or -errno. */
int order_open_streams(const ProgramParams *p, Handler *h, Streams **ret, RpcProblem *reterr);

/* Makes the order of it for a sandbox that is ready, but for its streams. *ret is set in every case.
 * Returns 0 or METHOD_E_NO_INTERPRETER. */
int order_make(const ProgramParams *p, const Sandbox *s, Request *request, ExecutionOrder *ret);

/* reterr says this of that field. Returns METHOD_E_PARAMS or -ENOMEM. */
int order_refuse(RpcProblem *reterr, const char *field, const char *detail);

/* Decodes whichever of text and base64 is there (both may be NULL: no bytes). *ret_owned is NULL or
 * what *ret_data points to. Returns 0, METHOD_E_PARAMS with reterr set for base64's field, or
 * -errno. */
int order_decode(const char *text, const char *base64, const char *base64_field,
                 const void **ret_data, size_t *ret_size, void **ret_owned, RpcProblem *reterr);
