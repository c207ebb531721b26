/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The result of tools/call, from that of our own method or from its error. structuredContent is the
 * method's result, but for what only content has: bytes that are no text stand there as an image or a
 * resource, and in their place is the number of their block, so that a host that shows a model the
 * one or the other shows it no base64 as text. Pure. */

#include <json-c/json.h>

#include "wire/mcp-tool.h"

/* Bytes of a message that a client takes at all: the official SDK gives up a connection that brings
 * a longer one than 10 MiB. What does not fit into content is left out, with a word about it. */
#define MCP_CONTENT_SIZE_MAX (6 * 1024 * 1024)

/* result is consumed, also on failure; NULL is -ENOMEM. Returns 0 or -ENOMEM. */
int mcp_result_format(const McpTool *tool, McpEra era, json_object *result, json_object **ret);

/* An error of the method, as something that the model can read and act on. problem and journal may
 * be NULL, as for rpc_format_error(). Returns 0 or -ENOMEM. */
int mcp_result_format_error(McpEra era, RpcError error, const RpcProblem *problem,
                            const char *journal, json_object **ret);
