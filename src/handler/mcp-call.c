/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A failed method is a result too, one that says isError, because a model reads results and not
 * errors. What its client has cancelled ends in silence, as MCP wants it, whatever comes of it. */

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "handler/handler.h"
#include "handler/mcp-call.h"
#include "wire/mcp-result.h"
#include "wire/rpc.h"

McpCall *mcp_call_free(McpCall *c) {
        if (!c)
                return NULL;
        (void)json_object_put(c->progress_token);
        free(c);
        return NULL;
}

int mcp_call_new(McpCall **ret, const McpTool *tool, const McpRequest *request) {
        McpCall *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        *c = (McpCall){
                .tool = tool,
                .era = request->era,
                .progress_token = json_object_get(request->progress_token),
        };
        *ret = c;
        return 0;
}

void mcp_call_progress(Request *request, const char *text, size_t size) {
        Handler *h = request->handler;
        _cleanup_free_ char *message = NULL;
        McpCall *c = request->mcp;
        json_object *notification = NULL;
        int r;

        if (!c->progress_token || c->is_silent)
                return;
        message = strndup(text, size);
        r = message ? mcp_format_progress(c->progress_token, ++c->progress, message, &notification)
                    : -ENOMEM;
        if (r >= 0)
                r = connection_send(h->client, notification);
        if (r < 0)
                handler_exit(h, r);
}

/* Sends a result of tools/call that was made with this outcome; it is consumed. */
static int send_result(const McpCall *c, Handler *h, json_object *id, int outcome,
                       json_object *result) {
        json_object *message = NULL;

        if (outcome < 0)
                return outcome;
        if (c->is_silent) {
                (void)json_object_put(result);
                return 0;
        }
        outcome = rpc_format_result(id, result, &message);
        return outcome < 0 ? outcome : connection_send(h->client, message);
}

int mcp_call_succeed(const McpCall *c, Handler *h, json_object *id, json_object *result) {
        json_object *formatted = NULL;
        int r = mcp_result_format(c->tool, c->era, result, &formatted);

        return send_result(c, h, id, r, formatted);
}

int mcp_call_fail(const McpCall *c, Handler *h, json_object *id, RpcError error,
                  const RpcProblem *problem, const char *journal) {
        json_object *formatted = NULL;
        int r = mcp_result_format_error(c->era, error, problem, journal, &formatted);

        return send_result(c, h, id, r, formatted);
}
