/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Which era a request belongs to: initialize is of the old one; any other is of the new one exactly
 * if its _meta names a revision, and none of the old ones. A client of the old era cannot do that by
 * accident, for the name is reserved. What is of the new era must carry all that it demands, so that
 * a client hears of its mistake from us and not from the next server.
 *
 * Old clients are told their own revision where we have it, else our latest, and then it is they who
 * decide whether to go on. The old revisions differ in nothing that our answers say: each only adds
 * members, and a client ignores those that it does not know.
 *
 * Trust: params is strict JSON and an object; all else about it is the client's. */

#include <errno.h>
#include <string.h>

#include "basic/json.h"
#include "wire/mcp-tool.h"
#include "wire/mcp.h"
#include "wire/rpc.h"

#define META             "io.modelcontextprotocol/"
#define KEEP_MSEC        UINT64_C(3600000) /* how long a client may keep what never changes */
#define ERROR_VERSION    (-32022)          /* UnsupportedProtocolVersion, by the specification */
#define STATELESS_LATEST 0                 /* in versions */
#define SESSION_LATEST   1

static const char *const versions[] = {
        "2026-07-28", "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05",
};

const char *mcp_version(unsigned i) {
        return i < ARRAY_SIZE(versions) ? versions[i] : NULL;
}

static const struct {
        const char *name;
        bool is_notification;
} methods[_MCP_METHOD_MAX] = {
        [MCP_METHOD_INITIALIZE] = { "initialize",                false },
        [MCP_METHOD_INITIALIZED] = { "notifications/initialized", true  },
        [MCP_METHOD_PING] = { "ping",                      false },
        [MCP_METHOD_DISCOVER] = { "server/discover",           false },
        [MCP_METHOD_TOOLS_LIST] = { "tools/list",                false },
        [MCP_METHOD_TOOLS_CALL] = { "tools/call",                false },
        [MCP_METHOD_CANCELLED] = { "notifications/cancelled",   true  },
};

McpMethod mcp_method_find(const char *name) {
        McpMethod m = 0;

        while (m < _MCP_METHOD_MAX && strcmp(methods[m].name, name) != 0)
                m++;
        return m;
}

bool mcp_method_is_notification(McpMethod method) {
        return methods[method].is_notification;
}

static bool is_session_version(const char *version) {
        for (size_t i = SESSION_LATEST; i < ARRAY_SIZE(versions); i++)
                if (strcmp(versions[i], version) == 0)
                        return true;
        return false;
}

/* -- params ----------------------------------------------------------------------------------- */

static int invalid(RpcProblem *reterr, const char *field, const char *what) {
        int r = rpc_problem_set(reterr, field, "%s", what);

        return r < 0 ? r : MCP_E_INVALID;
}

/* A member that must be of this type if it is there; *ret is NULL when it is not. */
static int take(json_object *object, const char *name, enum json_type type, const char *path,
                json_object **ret, RpcProblem *reterr) {
        json_object *value;

        *ret = NULL;
        if (!json_object_object_get_ex(object, name, &value))
                return 0;
        if (!json_object_is_type(value, type))
                return invalid(reterr, path,
                               type == json_type_string ? "must be a string" : "must be an object");
        *ret = value;
        return 0;
}

static int take_string(json_object *object, const char *name, const char *path, const char **ret,
                       RpcProblem *reterr) {
        json_object *value;
        int r = take(object, name, json_type_string, path, &value, reterr);

        *ret = json_object_get_string(value);
        return r;
}

/* What the client is: an object with a name and a version. */
static int take_client(json_object *object, const char *name, const char *path, McpRequest *ret,
                       RpcProblem *reterr) {
        json_object *info;
        int r;

        r = take(object, name, json_type_object, path, &info, reterr);
        if (r != 0 || !info)
                return r;
        r = take_string(info, "name", path, &ret->client_name, reterr);
        if (r == 0)
                r = take_string(info, "version", path, &ret->client_version, reterr);
        if (r == 0 && (!ret->client_name || !ret->client_version))
                r = invalid(reterr, path, "must have a name and a version");
        return r;
}

static int parse_meta(json_object *meta, McpRequest *ret, RpcProblem *reterr) {
        json_object *capabilities;
        const char *level;
        int r;

        if (json_object_object_get_ex(meta, "progressToken", &ret->progress_token) &&
            !rpc_id_is_valid(ret->progress_token))
                return invalid(reterr, "_meta.progressToken",
                               "must be an integer or a string of at most 128 bytes");
        r = take_string(meta, META "protocolVersion", "_meta." META "protocolVersion",
                        &ret->version, reterr);
        if (r == 0)
                r = take_client(meta, META "clientInfo", "_meta." META "clientInfo", ret, reterr);
        if (r == 0)
                r = take(meta, META "clientCapabilities", json_type_object,
                         "_meta." META "clientCapabilities", &capabilities, reterr);
        if (r == 0) /* we log nothing to clients, so any level is as good as another */
                r = take_string(meta, META "logLevel", "_meta." META "logLevel", &level, reterr);
        if (r != 0)
                return r;
        if (ret->version && !is_session_version(ret->version))
                ret->era = MCP_ERA_STATELESS;
        if (ret->era == MCP_ERA_STATELESS && !capabilities &&
            !mcp_method_is_notification(ret->method))
                return invalid(reterr, "_meta." META "clientCapabilities", "is missing");
        return 0;
}

static int parse_initialize(json_object *params, McpRequest *ret, RpcProblem *reterr) {
        int r;

        r = take_string(params, "protocolVersion", "protocolVersion", &ret->version, reterr);
        if (r == 0 && !ret->version)
                r = invalid(reterr, "protocolVersion", "is missing");
        if (r == 0)
                r = take_client(params, "clientInfo", "clientInfo", ret, reterr);
        return r;
}

static int parse_call(json_object *params, McpRequest *ret, RpcProblem *reterr) {
        int r;

        r = take_string(params, "name", "name", &ret->tool, reterr);
        if (r == 0 && !ret->tool)
                r = invalid(reterr, "name", "is missing");
        if (r == 0)
                r = take(params, "arguments", json_type_object, "arguments", &ret->arguments,
                         reterr);
        return r;
}

static int parse_list(json_object *params, RpcProblem *reterr) {
        /* all tools come at once, so nobody has a cursor from us */
        return json_object_object_get_ex(params, "cursor", NULL)
                       ? invalid(reterr, "cursor", "there is no such page")
                       : 0;
}

static int parse_cancelled(json_object *params, McpRequest *ret, RpcProblem *reterr) {
        if (!json_object_object_get_ex(params, "requestId", &ret->request_id) ||
            !rpc_id_is_valid(ret->request_id))
                return invalid(reterr, "requestId", "must be the id of a request");
        return take_string(params, "reason", "reason", &ret->reason, reterr);
}

static int check_version(const McpRequest *request, RpcProblem *reterr) {
        int r;

        if (request->method == MCP_METHOD_DISCOVER && !request->version)
                return invalid(reterr, "_meta." META "protocolVersion", "is missing");
        if (request->era == MCP_ERA_SESSION ||
            strcmp(request->version, versions[STATELESS_LATEST]) == 0)
                return 0;
        r = rpc_problem_set(reterr, "_meta." META "protocolVersion", "is none that we speak");
        return r < 0 ? r : MCP_E_VERSION;
}

int mcp_request_parse(McpMethod method, json_object *params, McpRequest *ret, RpcProblem *reterr) {
        McpRequest request = { .method = method, .era = MCP_ERA_SESSION };
        json_object *meta;
        int r;

        r = take(params, "_meta", json_type_object, "_meta", &meta, reterr);
        if (r == 0)
                r = parse_meta(meta, &request, reterr);
        if (r == 0 && method == MCP_METHOD_INITIALIZE) {
                request.era = MCP_ERA_SESSION;
                r = parse_initialize(params, &request, reterr);
        } else if (r == 0)
                r = check_version(&request, reterr);
        if (r == 0 && method == MCP_METHOD_TOOLS_LIST)
                r = parse_list(params, reterr);
        else if (r == 0 && method == MCP_METHOD_TOOLS_CALL)
                r = parse_call(params, &request, reterr);
        else if (r == 0 && method == MCP_METHOD_CANCELLED)
                r = parse_cancelled(params, &request, reterr);
        *ret = request;
        return r;
}

/* -- results ---------------------------------------------------------------------------------- */

static int set_server(json_object *object, const char *name) {
        json_object *server = json_object_new_object();
        int r;

        r = json_set(object, name, server);
        if (r >= 0)
                r = json_set_string(server, "name", "cloche");
        if (r >= 0)
                r = json_set_string(server, "title", "Cloche");
        return r < 0 ? r : json_set_string(server, "version", CLOCHE_VERSION);
}

/* Tools, and nothing that would have to be told when it changes. */
static int set_capabilities(json_object *result) {
        json_object *capabilities = json_object_new_object();
        int r;

        r = json_set(result, "capabilities", capabilities);
        return r < 0 ? r : json_set(capabilities, "tools", json_object_new_object());
}

int mcp_result_complete(McpEra era, json_object *result) {
        json_object *meta;
        int r;

        if (era == MCP_ERA_SESSION)
                return 0;
        r = json_set_string(result, "resultType", "complete");
        if (r < 0)
                return r;
        meta = json_object_new_object();
        r = json_set(result, "_meta", meta);
        return r < 0 ? r : set_server(meta, META "serverInfo");
}

int mcp_result_may_be_kept(McpEra era, json_object *result) {
        int r;

        if (era == MCP_ERA_SESSION)
                return 0;
        r = json_set_uint(result, "ttlMs", KEEP_MSEC);
        return r < 0 ? r : json_set_string(result, "cacheScope", "public");
}

int mcp_format_initialized(const McpRequest *request, json_object **ret) {
        _cleanup_json_ json_object *result = json_object_new_object();
        int r;

        if (!result)
                return -ENOMEM;
        r = json_set_string(result, "protocolVersion",
                            is_session_version(request->version) ? request->version
                                                                 : versions[SESSION_LATEST]);
        if (r >= 0)
                r = set_capabilities(result);
        if (r >= 0)
                r = set_server(result, "serverInfo");
        if (r >= 0)
                r = json_set_string(result, "instructions", mcp_instructions);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(result);
        return 0;
}

static int set_supported(json_object *object, const char *name) {
        json_object *list = json_object_new_array();
        int r;

        r = json_set(object, name, list);
        for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(versions); i++)
                r = json_append(list, json_object_new_string(versions[i]));
        return r;
}

int mcp_format_discovered(json_object **ret) {
        _cleanup_json_ json_object *result = json_object_new_object();
        int r;

        if (!result)
                return -ENOMEM;
        r = set_supported(result, "supportedVersions");
        if (r >= 0)
                r = set_capabilities(result);
        if (r >= 0)
                r = json_set_string(result, "instructions", mcp_instructions);
        if (r >= 0)
                r = mcp_result_may_be_kept(MCP_ERA_STATELESS, result);
        if (r >= 0)
                r = mcp_result_complete(MCP_ERA_STATELESS, result);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(result);
        return 0;
}

int mcp_format_empty(McpEra era, json_object **ret) {
        _cleanup_json_ json_object *result = json_object_new_object();
        int r;

        if (!result)
                return -ENOMEM;
        r = mcp_result_complete(era, result);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(result);
        return 0;
}

int mcp_format_version_error(json_object *id, const char *requested, json_object **ret) {
        _cleanup_json_ json_object *message = json_object_new_object();
        json_object *error, *data;
        int r;

        if (!message)
                return -ENOMEM;
        r = json_set_string(message, "jsonrpc", "2.0");
        if (r >= 0 && json_object_object_add(message, "id", json_object_get(id)) < 0)
                r = -ENOMEM;
        if (r < 0)
                return r;
        error = json_object_new_object();
        r = json_set(message, "error", error);
        if (r >= 0)
                r = json_set(error, "code", json_object_new_int(ERROR_VERSION));
        if (r >= 0)
                r = json_set_string(error, "message", "Unsupported protocol version");
        if (r < 0)
                return r;
        data = json_object_new_object();
        r = json_set(error, "data", data);
        if (r >= 0)
                r = set_supported(data, "supported");
        if (r >= 0)
                r = json_set_string(data, "requested", requested);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(message);
        return 0;
}

int mcp_format_progress(json_object *token, uint64_t progress, const char *message,
                        json_object **ret) {
        _cleanup_json_ json_object *params = json_object_new_object();
        int r;

        if (!params)
                return -ENOMEM;
        r = json_set(params, "progressToken", json_object_get(token));
        if (r >= 0)
                r = json_set_uint(params, "progress", progress);
        if (r >= 0 && message)
                r = json_set_string(params, "message", message);
        if (r < 0)
                return r;
        return rpc_format_notification("notifications/progress", TAKE_PTR(params), ret);
}
