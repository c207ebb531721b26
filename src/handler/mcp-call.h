/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A method called as an MCP tool: the same method, answered in MCP's form. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handler/request.h"
#include "wire/mcp-tool.h"

struct McpCall {
        const McpTool *tool;
        McpEra era;
        json_object *progress_token; /* NULL: it wants no progress */
        uint64_t progress;           /* the last that was told */
        bool is_silent;              /* its client has cancelled it: not a word more */
};

/* request is what it came with; its token is referenced. Returns 0 or -ENOMEM. */
int mcp_call_new(McpCall **ret, const McpTool *tool, const McpRequest *request);
McpCall *mcp_call_free(McpCall *c);

/* A piece of output (UTF-8) while it runs, as progress, if its client asked for that. */
void mcp_call_progress(Request *request, const char *text, size_t size);

/* Sends the answer, for the request with this id. result is consumed. Return 0 or -errno. */
int mcp_call_succeed(const McpCall *c, Handler *h, json_object *id, json_object *result);
int mcp_call_fail(const McpCall *c, Handler *h, json_object *id, RpcError error,
                  const RpcProblem *problem, const char *journal);
