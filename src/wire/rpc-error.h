/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The errors a client can meet, each with its number, its stable name (data.reason) and a message
 * that says what to do. Names and numbers never change their meaning. */

#include "basic/cleanup.h"

typedef enum RpcError {
        RPC_ERROR_PARSE,
        RPC_ERROR_INVALID_REQUEST,
        RPC_ERROR_METHOD_NOT_FOUND,
        RPC_ERROR_INVALID_PARAMS,
        RPC_ERROR_INTERNAL,
        RPC_ERROR_TOO_MANY_CONNECTIONS,
        RPC_ERROR_TOO_MANY_SANDBOXES,
        RPC_ERROR_TOO_MANY_REQUESTS,
        RPC_ERROR_NOT_ALLOWED,
        RPC_ERROR_UNKNOWN_PROFILE,
        RPC_ERROR_PROFILE_REFUSED,
        RPC_ERROR_LIMIT_ABOVE_PROFILE,
        RPC_ERROR_IMAGE_MISSING,
        RPC_ERROR_PODMAN_FAILED,
        RPC_ERROR_SCOPE_FAILED,
        RPC_ERROR_GUEST_FAILED,
        RPC_ERROR_AUDIT_UNAVAILABLE,
        RPC_ERROR_LAUNCHER_UNAVAILABLE,
        RPC_ERROR_NOT_RUNNING,
        RPC_ERROR_STDIN_FULL,
        RPC_ERROR_STDIN_CLOSED,
        RPC_ERROR_NO_INTERPRETER,
        RPC_ERROR_UNKNOWN_SANDBOX,
        RPC_ERROR_SANDBOX_ENDED,
        RPC_ERROR_DRIVER_FAILED,
        RPC_ERROR_CANCELLED,
        RPC_ERROR_NO_TERMINAL,
        RPC_ERROR_FILE_NOT_FOUND,
        RPC_ERROR_FILE_DENIED,
        RPC_ERROR_IS_A_DIRECTORY,
        RPC_ERROR_NOT_A_DIRECTORY,
        RPC_ERROR_NOT_A_FILE,
        RPC_ERROR_NO_SPACE,
        RPC_ERROR_READ_ONLY,
        RPC_ERROR_NOT_EMPTY,
        RPC_ERROR_FILE_FAILED,
        _RPC_ERROR_MAX,
} RpcError;

int rpc_error_code(RpcError error);
const char *rpc_error_reason(RpcError error);
const char *rpc_error_message(RpcError error);

/* What is particular about one refusal: both may be NULL, both are owned and UTF-8. {} says
 * nothing. */
typedef struct RpcProblem {
        char *field;  /* of params, by its path: "limits.tasks", "argv[3]" */
        char *detail; /* one sentence or less, for a person */
} RpcProblem;

void rpc_problem_done(RpcProblem *p);
#define _cleanup_problem_ _cleanup_(rpc_problem_done)

/* Replaces what the problem said. field may be NULL. Returns 0 or -ENOMEM. */
_printf_(3, 4) int rpc_problem_set(RpcProblem *p, const char *field, const char *format, ...);
