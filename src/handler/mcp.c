/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* MCP needs no state of its own here: each message says all that its answer depends on. A tool's
 * call becomes a request of the method behind the tool, with the same checks and the same bounds,
 * and only its answer is worded differently (mcp-call.c). */

#include <errno.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "handler/mcp-call.h"
#include "handler/mcp.h"
#include "handler/reply.h"
#include "handler/request.h"
#include "wire/field-schema.h"
#include "wire/mcp-tool.h"

static int list_tools(McpEra era, json_object **ret) {
        _cleanup_json_ json_object *list = json_object_new_array();
        int r = list ? 0 : -ENOMEM;

        for (size_t i = 0; r >= 0 && i < mcp_tool_count(); i++) {
                const McpTool *tool = mcp_tool_get(i);
                const Method *method = method_find(tool->method);
                json_object *input = NULL, *entry = NULL;

                r = field_schema_format(method->fields, method->n_fields, &input);
                if (r >= 0)
                        r = mcp_tool_format(tool, input, &entry);
                if (r >= 0)
                        r = json_append(list, entry);
        }
        return r < 0 ? r : mcp_tool_list_format(era, TAKE_PTR(list), ret);
}

/* The client wants to hear no more of that request. */
static void cancel(Handler *h, json_object *id) {
        Request *request = request_find(h, id);

        if (!request || !request->mcp)
                return;
        request->mcp->is_silent = true;
        if (request->controls && request->controls->cancel)
                request->controls->cancel(request->task);
}

static int call_tool(Handler *h, const McpRequest *mcp, json_object *id, RpcProblem *reterr) {
        const McpTool *tool = mcp_tool_find(mcp->tool);
        _cleanup_json_ json_object *params = NULL;
        _cleanup_problem_ RpcProblem problem = {};
        McpCall *call = NULL;
        int r;

        if (!tool) {
                r = rpc_problem_set(reterr, "name", "there is no tool of this name");
                return r < 0 ? r : METHOD_E_PARAMS;
        }
        r = mcp_call_new(&call, tool, mcp);
        if (r < 0)
                return r;
        r = mcp_tool_params(tool, mcp->arguments, &params, &problem);
        if (r == MCP_E_INVALID)
                r = METHOD_E_PARAMS;
        if (r == 0)
                r = request_begin(h, method_find(tool->method), id, params, call, &problem);
        if (r != 0)
                r = reply_error(h, id, /* is_wanted= */ true, tool->method, call, r, &problem);
        else
                call = NULL; /* the request's, which may be gone by now */
        mcp_call_free(call);
        return r;
}

static int answer(Handler *h, const McpRequest *mcp, json_object *id) {
        json_object *result = NULL;
        int r;

        switch (mcp->method) {
        case MCP_METHOD_INITIALIZE:
                r = mcp_format_initialized(mcp, &result);
                break;
        case MCP_METHOD_DISCOVER:
                r = mcp_format_discovered(&result);
                break;
        case MCP_METHOD_TOOLS_LIST:
                r = list_tools(mcp->era, &result);
                break;
        case MCP_METHOD_PING:
        case MCP_METHOD_INITIALIZED:
        case MCP_METHOD_TOOLS_CALL:
        case MCP_METHOD_CANCELLED:
        case _MCP_METHOD_MAX:
        default:
                r = mcp_format_empty(mcp->era, &result);
                break;
        }
        return r < 0 ? r : reply_result(h, id, result);
}

int mcp_dispatch(Handler *h, McpMethod method, const RpcRequest *rpc, RpcProblem *reterr) {
        json_object *message = NULL;
        McpRequest mcp;
        int r;

        if (mcp_method_is_notification(method) != !rpc->id)
                return rpc->id ? METHOD_E_METHOD : 0;
        r = mcp_request_parse(method, rpc->params, &mcp, reterr);
        if (!rpc->id) { /* nobody waits to hear what is wrong with it */
                if (r == 0 && method == MCP_METHOD_CANCELLED)
                        cancel(h, mcp.request_id);
                return r < 0 ? r : 0;
        }
        if (r == MCP_E_INVALID)
                return METHOD_E_PARAMS;
        if (r == MCP_E_VERSION) {
                r = mcp_format_version_error(rpc->id, mcp.version, &message);
                return r < 0 ? r : connection_send(h->client, message);
        }
        if (r < 0)
                return r;
        if (method == MCP_METHOD_TOOLS_CALL)
                return call_tool(h, &mcp, rpc->id, reterr);
        return answer(h, &mcp, rpc->id);
}
