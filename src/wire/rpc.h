/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The JSON-RPC 2.0 envelope, strict: an object with jsonrpc, method, and where there are any id and
 * params, and nothing else. An id is a string of at most REQUEST_ID_LENGTH_MAX bytes or an integer;
 * params is an object. Batches are refused. Pure. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/rpc-error.h"

typedef struct RpcRequest {
        json_object *id;     /* NULL in a notification */
        json_object *method; /* a string */
        json_object *params; /* an object, empty when the message had none */
} RpcRequest;

enum {
        _RPC_E_SUCCESS,
        RPC_E_PARSE,   /* not JSON; reterr says why */
        RPC_E_INVALID, /* JSON, but no request; ret->id is set when it had a good one */
};

/* *ret is owned in every case, also after a failure. Returns 0, an RPC_E_…, or -ENOMEM. */
int rpc_request_parse(const char *line, size_t size, RpcRequest *ret, RpcProblem *reterr);
void rpc_request_done(RpcRequest *r);
#define _cleanup_rpc_request_ _cleanup_(rpc_request_done)

/* Whether this value may be a request's id. */
bool rpc_id_is_valid(json_object *id);
bool rpc_id_is_equal(json_object *a, json_object *b);

/* Messages to send. id is borrowed, NULL stands for null; result and params are consumed, also on
 * failure, and NULL for them is -ENOMEM. journal is the id to look up, for RPC_ERROR_INTERNAL;
 * problem and journal may be NULL. Return 0 or -ENOMEM. */
int rpc_format_result(json_object *id, json_object *result, json_object **ret);
int rpc_format_error(json_object *id, RpcError error, const RpcProblem *problem,
                     const char *journal, json_object **ret);
int rpc_format_notification(const char *method, json_object *params, json_object **ret);
