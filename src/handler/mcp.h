/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The methods of the Model Context Protocol, for clients that speak it on our socket. */

#include "handler/handler.h"
#include "wire/mcp.h"
#include "wire/rpc.h"

/* Handles a message of one of MCP's methods. Returns 0 when it has replied or will, or a METHOD_E_…
 * with what it says in reterr, or -errno: then the caller replies. */
int mcp_dispatch(Handler *h, McpMethod method, const RpcRequest *rpc, RpcProblem *reterr);
