/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The Model Context Protocol's own methods, in both of its eras: with a session that `initialize`
 * begins (2024-11-05 to 2025-11-25), and stateless (2026-07-28), where each request says in its
 * _meta which revision it speaks. An MCP message is a JSON-RPC message like ours, so rpc.h takes the
 * envelope off; this is about what is in params and in a result. mcp-tool.h has what tools/list and
 * tools/call are about. All pure.
 *
 * Nothing here remembers: which era a request belongs to can be seen from the request, and what
 * was agreed on by `initialize` changes no answer. So neither need its user. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>

#include "wire/rpc-error.h"

typedef enum McpMethod {
        MCP_METHOD_INITIALIZE,
        MCP_METHOD_INITIALIZED, /* a notification; nothing is to be done */
        MCP_METHOD_PING,
        MCP_METHOD_DISCOVER,
        MCP_METHOD_TOOLS_LIST,
        MCP_METHOD_TOOLS_CALL,
        MCP_METHOD_CANCELLED, /* a notification */
        _MCP_METHOD_MAX,
} McpMethod;

typedef enum McpEra {
        MCP_ERA_SESSION,
        MCP_ERA_STATELESS,
} McpEra;

/* Strings and objects are borrowed from params; NULL where the client said nothing. */
typedef struct McpRequest {
        McpMethod method;
        McpEra era;
        const char *version;         /* the revision it asked for; may be NULL in a session */
        const char *client_name;     /* what the client says it is; believed for the record only */
        const char *client_version;  /* NULL where client_name is */
        json_object *progress_token; /* a string or an integer: wants notifications/progress */
        const char *tool;            /* tools/call */
        json_object *arguments;      /* tools/call: an object, NULL for none */
        json_object *request_id;     /* notifications/cancelled */
        const char *reason;          /* notifications/cancelled, may be NULL */
} McpRequest;

enum {
        _MCP_E_SUCCESS,
        MCP_E_INVALID, /* params; reterr names the member by its path */
        MCP_E_VERSION, /* a revision we do not speak: mcp_format_version_error() is the answer */
};

/* _MCP_METHOD_MAX when it is none of MCP's (or one we do not have: then it is unknown like any). */
McpMethod mcp_method_find(const char *name);

/* Whether the method comes without an id. One that comes with, or the other way round, is not MCP.
 */
bool mcp_method_is_notification(McpMethod method);

/* Unknown members are no fault: MCP wants them tolerated. Returns 0, an MCP_E_… (with VERSION, *ret
 * has the version and the era), or -ENOMEM. */
int mcp_request_parse(McpMethod method, json_object *params, McpRequest *ret, RpcProblem *reterr);

/* The i-th revision we speak, the latest first, NULL behind the last. */
const char *mcp_version(unsigned i);

/* Results, to be sent by rpc_format_result(). Each returns 0 or -ENOMEM. */
int mcp_format_initialized(const McpRequest *request, json_object **ret); /* of initialize */
int mcp_format_discovered(json_object **ret);                             /* of server/discover */
int mcp_format_empty(McpEra era, json_object **ret);                      /* of ping */

/* Adds to a result what every one of this era has. Returns 0 or -ENOMEM. */
int mcp_result_complete(McpEra era, json_object *result);

/* … and what one has that a client may keep for a while. Our answers are the same for every client
 * of one version of Cloche. */
int mcp_result_may_be_kept(McpEra era, json_object *result);

/* Whole messages, as those of rpc.h. id and token are borrowed; message (may be NULL) is UTF-8.
 * progress must be larger each time for one token, and none may follow the answer. */
int mcp_format_version_error(json_object *id, const char *requested, json_object **ret);
int mcp_format_progress(json_object *token, uint64_t progress, const char *message,
                        json_object **ret);
