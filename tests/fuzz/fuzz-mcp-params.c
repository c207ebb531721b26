/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Params of MCP's own methods as a client may write them: the first byte says of which method, the
 * rest is the JSON text. What must hold of a request that is taken, and of what is said about one that
 * is not, is asserted; for tools/call also of the arguments on their way to the method. */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "basic/json.h"
#include "basic/utf8.h"
#include "wire/mcp-tool.h"
#include "wire/mcp.h"
#include "wire/rpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_text(const char *text) {
        return text && utf8_is_valid(text, strlen(text));
}

/* What goes to the client must be a line of strict JSON, whatever of the client's is in it. */
static void check_message(json_object *consumed) {
        _cleanup_json_ json_object *message = consumed, *again = NULL;
        const char *line;

        line = json_object_to_json_string_ext(message, JSON_C_TO_STRING_PLAIN);
        assert(!strchr(line, '\n'));
        assert(json_parse(line, strlen(line), &again, NULL) == 0);
        assert(json_object_equal(message, again));
}

static void check_request(McpMethod method, const McpRequest *m) {
        json_object *result = NULL;

        assert(m->method == method);
        assert(!m->client_name == !m->client_version);
        assert(!m->client_name || is_text(m->client_name));
        assert(!m->progress_token || rpc_id_is_valid(m->progress_token));
        assert(m->era == MCP_ERA_SESSION || strcmp(m->version, mcp_version(0)) == 0);
        if (method == MCP_METHOD_INITIALIZE) {
                assert(m->version && m->era == MCP_ERA_SESSION);
                assert(mcp_format_initialized(m, &result) == 0);
                check_message(result);
        }
        if (method == MCP_METHOD_CANCELLED)
                assert(rpc_id_is_valid(m->request_id));
        if (m->progress_token) {
                assert(mcp_format_progress(m->progress_token, 1, m->client_name, &result) == 0);
                check_message(result);
        }
}

/* The tool's arguments become the method's params: the same, and what only MCP wants. */
static void check_call(const McpRequest *m) {
        _cleanup_json_ json_object *params = NULL;
        _cleanup_problem_ RpcProblem problem = {};
        const McpTool *tool;
        size_t n_arguments = 0;
        int r;

        assert(is_text(m->tool));
        assert(!m->arguments || json_object_is_type(m->arguments, json_type_object));
        tool = mcp_tool_find(m->tool);
        if (!tool)
                return;
        r = mcp_tool_params(tool, m->arguments, &params, &problem);
        assert(r == 0 || (r == MCP_E_INVALID && is_text(problem.field) && !params));
        if (r != 0)
                return;
        if (m->arguments) {
                json_object_object_foreach(m->arguments, name, value) {
                        json_object *passed;

                        n_arguments++;
                        assert(json_object_object_get_ex(params, name, &passed));
                        assert(json_object_equal(passed, value));
                }
        }
        assert((size_t)json_object_object_length(params) ==
               n_arguments + (tool->kind == MCP_TOOL_EXECUTION));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        _cleanup_json_ json_object *params = NULL;
        _cleanup_problem_ RpcProblem problem = {};
        json_object *error = NULL;
        McpRequest request;
        McpMethod method;
        int r;

        if (size == 0 || json_parse((const char *)data + 1, size - 1, &params, NULL) != 0 ||
            !json_object_is_type(params, json_type_object))
                return 0;
        method = data[0] % _MCP_METHOD_MAX;
        r = mcp_request_parse(method, params, &request, &problem);
        switch (r) {
        case 0:
                check_request(method, &request);
                if (method == MCP_METHOD_TOOLS_CALL)
                        check_call(&request);
                break;
        case MCP_E_INVALID:
                assert(is_text(problem.field) && is_text(problem.detail));
                break;
        case MCP_E_VERSION:
                assert(is_text(request.version) && request.era == MCP_ERA_STATELESS);
                assert(mcp_format_version_error(NULL, request.version, &error) == 0);
                check_message(error);
                break;
        default:
                assert(!"there is no other end");
        }
        return 0;
}
