/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* Turns what came of a request into a message, and each refusal into a record. The only place that
 * knows which outcome is which error. */

#include <json-c/json.h>

#include "handler/handler.h"
#include "handler/request.h"
#include "wire/rpc-error.h"

/* Sends an error. id is borrowed, NULL stands for null on the wire; is_wanted is false for a
 * notification, whose refusal is only recorded. method is the name as the client gave it or NULL;
 * problem may be NULL, and so may mcp, which says that it was a tool's call. outcome is a METHOD_E_… or -errno, which is logged. Returns 0 or -errno. */
int reply_error(Handler *h, json_object *id, bool is_wanted, const char *method, const McpCall *mcp,
                int outcome, const RpcProblem *problem);

/* The same for what the launcher refused; its detail goes along. */
int reply_refused(Handler *h, json_object *id, bool is_wanted, const char *method,
                  const McpCall *mcp, const LauncherRefused *refused);

/* Sends a result, which is consumed; NULL is -ENOMEM. Returns 0 or -errno. */
int reply_result(Handler *h, json_object *id, json_object *result);
