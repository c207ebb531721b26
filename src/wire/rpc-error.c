/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* One table. -32000 to -32019 and -32050 to -32069 are ours out of the range JSON-RPC leaves to
 * servers; those between belong to MCP. */

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "wire/rpc-error.h"

typedef struct ErrorRow {
        int code;
        const char *reason;
        const char *message;
} ErrorRow;

#define ROW(...) { __VA_ARGS__ }

static const ErrorRow errors[_RPC_ERROR_MAX] = {
        [RPC_ERROR_PARSE] =
                ROW(-32700, "parse_error", "A message must be one line that holds one JSON value"),
        [RPC_ERROR_INVALID_REQUEST] =
                ROW(-32600, "invalid_request", "A message must be one JSON-RPC 2.0 request"),
        [RPC_ERROR_METHOD_NOT_FOUND] = ROW(-32601, "method_not_found",
                                           "No such method: server.info lists those there are"),
        [RPC_ERROR_INVALID_PARAMS] = ROW(-32602, "invalid_params",
                                         "The parameters do not fit the method: correct the field"),
        [RPC_ERROR_INTERNAL] =
                ROW(-32603, "internal", "A fault of the service: the journal has it under this id"),
        [RPC_ERROR_TOO_MANY_CONNECTIONS] =
                ROW(-32000, "too_many_connections",
                    "Too many connections: close one or try again later"),
        [RPC_ERROR_TOO_MANY_SANDBOXES] =
                ROW(-32001, "too_many_sandboxes",
                    "Too many sandboxes at once: wait until one has ended"),
        [RPC_ERROR_TOO_MANY_REQUESTS] =
                ROW(-32002, "too_many_requests", "Too many requests at once: wait for an answer"),
        [RPC_ERROR_NOT_ALLOWED] =
                ROW(-32003, "not_allowed", "This user may not use Cloche: ask the administrator"),
        [RPC_ERROR_UNKNOWN_PROFILE] =
                ROW(-32004, "unknown_profile", "No such profile: profile.list has those there are"),
        [RPC_ERROR_PROFILE_REFUSED] =
                ROW(-32005, "profile_refused",
                    "The profile asks for what none may have: change its file"),
        [RPC_ERROR_LIMIT_ABOVE_PROFILE] = ROW(-32006, "limit_above_profile",
                                              "A limit can only be narrower than the profile's"),
        [RPC_ERROR_IMAGE_MISSING] =
                ROW(-32007, "image_missing", "The profile's image is not there: build or pull it"),
        [RPC_ERROR_PODMAN_FAILED] = ROW(-32008, "podman_failed",
                                        "Podman did not do its part: see the detail and its log"),
        [RPC_ERROR_SCOPE_FAILED] =
                ROW(-32009, "scope_failed", "systemd did not make the scope: see the detail"),
        [RPC_ERROR_GUEST_FAILED] = ROW(-32010, "guest_failed",
                                       "The sandbox came up, but nothing could be started in it"),
        [RPC_ERROR_AUDIT_UNAVAILABLE] =
                ROW(-32011, "audit_unavailable",
                    "The journal cannot be written and the policy needs it"),
        [RPC_ERROR_LAUNCHER_UNAVAILABLE] = ROW(
                -32012, "launcher_unavailable",
                "The launcher is away: connect again, or see systemctl status cloche-launcher.service"),
        [RPC_ERROR_NOT_RUNNING] = ROW(-32013, "not_running", "No run with this id is under way"),
        [RPC_ERROR_STDIN_FULL] = ROW(-32014, "stdin_full",
                                     "The program has not read what it has: wait for the answers"),
        [RPC_ERROR_STDIN_CLOSED] =
                ROW(-32015, "stdin_closed", "The program's input is closed: send it no more"),
        [RPC_ERROR_NO_INTERPRETER] =
                ROW(-32016, "no_interpreter", "The profile runs no code: give argv instead"),
        [RPC_ERROR_UNKNOWN_SANDBOX] =
                ROW(-32017, "unknown_sandbox",
                    "No such sandbox on this connection: it was closed, or its time was up"),
        [RPC_ERROR_SANDBOX_ENDED] = ROW(-32018, "sandbox_ended",
                                        "The sandbox ended before this was done: open another one"),
        [RPC_ERROR_DRIVER_FAILED] =
                ROW(-32019, "driver_failed", "The profile's interpreter did not start"),
        [RPC_ERROR_FILE_NOT_FOUND] =
                ROW(-32050, "file_not_found", "There is no file or directory of this name"),
        [RPC_ERROR_FILE_DENIED] =
                ROW(-32051, "file_denied", "The sandbox's user may not do this with this file"),
        [RPC_ERROR_IS_A_DIRECTORY] = ROW(-32052, "is_a_directory", "This is a directory"),
        [RPC_ERROR_NOT_A_DIRECTORY] =
                ROW(-32053, "not_a_directory", "A part of the path is not a directory"),
        [RPC_ERROR_NOT_A_FILE] = ROW(-32054, "not_a_file", "Only regular files can be read"),
        [RPC_ERROR_NO_SPACE] =
                ROW(-32055, "no_space", "There is not enough room left in the sandbox"),
        [RPC_ERROR_READ_ONLY] =
                ROW(-32056, "read_only", "Nothing can be written there: use /work or /tmp"),
        [RPC_ERROR_NOT_EMPTY] =
                ROW(-32057, "not_empty", "The directory is not empty: set recursive"),
        [RPC_ERROR_FILE_FAILED] =
                ROW(-32058, "file_failed", "This could not be done: see the detail"),
        [RPC_ERROR_NO_TERMINAL] =
                ROW(-32059, "no_terminal", "It has no terminal: it was not started with pty"),
        [RPC_ERROR_CANCELLED] = ROW(-32060, "cancelled", "It was cancelled before it was done"),
};

int rpc_error_code(RpcError error) {
        assert(error < _RPC_ERROR_MAX);
        return errors[error].code;
}

const char *rpc_error_reason(RpcError error) {
        assert(error < _RPC_ERROR_MAX);
        return errors[error].reason;
}

const char *rpc_error_message(RpcError error) {
        assert(error < _RPC_ERROR_MAX);
        return errors[error].message;
}

void rpc_problem_done(RpcProblem *p) {
        free(p->field);
        free(p->detail);
        *p = (RpcProblem){};
}

int rpc_problem_set(RpcProblem *p, const char *field, const char *format, ...) {
        RpcProblem set = {};
        va_list ap;
        int n;

        va_start(ap, format);
        n = vasprintf(&set.detail, format, ap);
        va_end(ap);
        if (n < 0)
                return -ENOMEM;
        if (field) {
                set.field = strdup(field);
                if (!set.field) {
                        rpc_problem_done(&set);
                        return -ENOMEM;
                }
        }
        rpc_problem_done(p);
        *p = set;
        return 0;
}
