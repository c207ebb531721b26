/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* MCP's tools are those of our own methods that make sense for a model. A row says what a model
 * needs to know of one; what it takes comes from the method's own table of fields. All pure. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>

#include "wire/mcp.h"

/* What becomes of the method's result (mcp-result.h). */
typedef enum McpToolKind {
        MCP_TOOL_EXECUTION, /* run, sandbox.exec: output, results, files, and a failure if it failed */
        MCP_TOOL_FILE,      /* file.get: what is in the file */
        MCP_TOOL_DATA,      /* any other: the result as it is */
} McpToolKind;

typedef struct McpTool {
        const char *name;   /* as tools/call says it */
        const char *method; /* of ours */
        McpToolKind kind;
        unsigned hints; /* of mcp-tool.c */
        const char *title;
        const char *description;
        const char *output; /* what the result looks like: JSON Schema as JSON */
        const char *hidden; /* parameters that are of no use in MCP, between blanks; may be NULL */
} McpTool;

/* What a model should know before it calls any of them. */
extern const char *const mcp_instructions;

/* In the order a model should read them. */
size_t mcp_tool_count(void);
const McpTool *mcp_tool_get(size_t i);
/* NULL when there is none. */
const McpTool *mcp_tool_find(const char *name);

/* The method's params from the tool's arguments (NULL for none): the same, and what an MCP client
 * always wants. *ret is new and holds references to the values. Returns 0, MCP_E_INVALID when a hidden
 * parameter is there, or -ENOMEM. */
int mcp_tool_params(const McpTool *tool, json_object *arguments, json_object **ret,
                    RpcProblem *reterr);

/* The tool as tools/list has it. input is the schema of the method's fields (consumed, also on
 * failure; NULL is -ENOMEM). Returns 0 or -ENOMEM. */
int mcp_tool_format(const McpTool *tool, json_object *input, json_object **ret);

/* The result of tools/list. tools is an array of them (consumed, also on failure; NULL is -ENOMEM).
 * Returns 0 or -ENOMEM. */
int mcp_tool_list_format(McpEra era, json_object *tools, json_object **ret);
