/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Two switches, one for each side that can say no: what the handler found out by itself, and what
 * the launcher refused. Nothing else in this folder names an error.
 *
 * A fault of ours is told to the operator with all there is to say, and to the client with no more
 * than the id to look up. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "basic/json.h"
#include "basic/log.h"
#include "handler/mcp-call.h"
#include "handler/record.h"
#include "handler/reply.h"
#include "wire/rpc.h"

static RpcError error_of_outcome(int outcome) {
        switch (outcome) {
        case METHOD_E_PARSE:
                return RPC_ERROR_PARSE;
        case METHOD_E_REQUEST:
                return RPC_ERROR_INVALID_REQUEST;
        case METHOD_E_METHOD:
                return RPC_ERROR_METHOD_NOT_FOUND;
        case METHOD_E_PARAMS:
                return RPC_ERROR_INVALID_PARAMS;
        case METHOD_E_TOO_MANY_REQUESTS:
                return RPC_ERROR_TOO_MANY_REQUESTS;
        case METHOD_E_TOO_MANY_SANDBOXES:
                return RPC_ERROR_TOO_MANY_SANDBOXES;
        case METHOD_E_UNKNOWN_PROFILE:
                return RPC_ERROR_UNKNOWN_PROFILE;
        case METHOD_E_NO_INTERPRETER:
                return RPC_ERROR_NO_INTERPRETER;
        case METHOD_E_GUEST:
                return RPC_ERROR_GUEST_FAILED;
        case METHOD_E_AUDIT:
                return RPC_ERROR_AUDIT_UNAVAILABLE;
        case METHOD_E_LAUNCHER:
                return RPC_ERROR_LAUNCHER_UNAVAILABLE;
        case METHOD_E_NOT_RUNNING:
                return RPC_ERROR_NOT_RUNNING;
        case METHOD_E_STDIN_FULL:
                return RPC_ERROR_STDIN_FULL;
        case METHOD_E_STDIN_CLOSED:
                return RPC_ERROR_STDIN_CLOSED;
        case METHOD_E_UNKNOWN_SANDBOX:
                return RPC_ERROR_UNKNOWN_SANDBOX;
        case METHOD_E_SANDBOX_ENDED:
                return RPC_ERROR_SANDBOX_ENDED;
        case METHOD_E_DRIVER:
                return RPC_ERROR_DRIVER_FAILED;
        case METHOD_E_CANCELLED:
                return RPC_ERROR_CANCELLED;
        case METHOD_E_NO_TERMINAL:
                return RPC_ERROR_NO_TERMINAL;
        case METHOD_E_FILE_NOT_FOUND:
                return RPC_ERROR_FILE_NOT_FOUND;
        case METHOD_E_FILE_DENIED:
                return RPC_ERROR_FILE_DENIED;
        case METHOD_E_IS_A_DIRECTORY:
                return RPC_ERROR_IS_A_DIRECTORY;
        case METHOD_E_NOT_A_DIRECTORY:
                return RPC_ERROR_NOT_A_DIRECTORY;
        case METHOD_E_NOT_A_FILE:
                return RPC_ERROR_NOT_A_FILE;
        case METHOD_E_NO_SPACE:
                return RPC_ERROR_NO_SPACE;
        case METHOD_E_READ_ONLY:
                return RPC_ERROR_READ_ONLY;
        case METHOD_E_NOT_EMPTY:
                return RPC_ERROR_NOT_EMPTY;
        case METHOD_E_FILE:
                return RPC_ERROR_FILE_FAILED;
        default: /* -errno */
                return RPC_ERROR_INTERNAL;
        }
}

static RpcError error_of_refusal(LauncherRefusal refusal) {
        switch (refusal) {
        case LAUNCHER_REFUSAL_TOO_MANY_CONNECTIONS:
                return RPC_ERROR_TOO_MANY_CONNECTIONS;
        case LAUNCHER_REFUSAL_TOO_MANY_SANDBOXES:
                return RPC_ERROR_TOO_MANY_SANDBOXES;
        case LAUNCHER_REFUSAL_UID:
                return RPC_ERROR_NOT_ALLOWED;
        case LAUNCHER_REFUSAL_UNKNOWN_PROFILE:
                return RPC_ERROR_UNKNOWN_PROFILE;
        case LAUNCHER_REFUSAL_PROFILE:
                return RPC_ERROR_PROFILE_REFUSED;
        case LAUNCHER_REFUSAL_LIMIT:
                return RPC_ERROR_LIMIT_ABOVE_PROFILE;
        case LAUNCHER_REFUSAL_IMAGE_MISSING:
                return RPC_ERROR_IMAGE_MISSING;
        case LAUNCHER_REFUSAL_PODMAN:
                return RPC_ERROR_PODMAN_FAILED;
        case LAUNCHER_REFUSAL_SCOPE:
                return RPC_ERROR_SCOPE_FAILED;
        case LAUNCHER_REFUSAL_GUEST:
                return RPC_ERROR_GUEST_FAILED;
        case LAUNCHER_REFUSAL_AUDIT:
                return RPC_ERROR_AUDIT_UNAVAILABLE;
        case LAUNCHER_REFUSAL_INTERNAL:
        case LAUNCHER_REFUSAL_INVALID:
        case _LAUNCHER_REFUSAL_MAX:
        default:
                return RPC_ERROR_INTERNAL;
        }
}

static int send_error(Handler *h, json_object *id, bool is_wanted, const char *method,
                      const McpCall *mcp, RpcError error, const RpcProblem *problem) {
        const char *journal = error == RPC_ERROR_INTERNAL ? h->sequence.connection : NULL;
        json_object *message = NULL;
        int r;

        record_refused(h, id, method, error, problem);
        handler_count_refusal(h);
        if (!is_wanted)
                return 0;
        if (mcp)
                return mcp_call_fail(mcp, h, id, error, problem, journal);
        r = rpc_format_error(id, error, problem, journal, &message);
        return r < 0 ? r : connection_send(h->client, message);
}

int reply_error(Handler *h, json_object *id, bool is_wanted, const char *method, const McpCall *mcp,
                int outcome, const RpcProblem *problem) {
        if (outcome < 0)
                log_error(outcome, "Cannot do what a client asked, CLOCHE_CONNECTION=%s",
                          h->sequence.connection);
        return send_error(h, id, is_wanted, method, mcp, error_of_outcome(outcome), problem);
}

int reply_refused(Handler *h, json_object *id, bool is_wanted, const char *method,
                  const McpCall *mcp, const LauncherRefused *refused) {
        char detail[sizeof(refused->detail)];
        RpcProblem problem = { .detail = detail };

        (void)snprintf(detail, sizeof(detail), "%s", refused->detail);
        (void)utf8_scrub(detail);
        return send_error(h, id, is_wanted, method, mcp,
                          error_of_refusal((LauncherRefusal)refused->refusal), &problem);
}

int reply_result(Handler *h, json_object *id, json_object *result) {
        json_object *message = NULL;
        int r;

        if (!id) {
                (void)json_object_put(result);
                return 0;
        }
        r = rpc_format_result(id, result, &message);
        return r < 0 ? r : connection_send(h->client, message);
}
