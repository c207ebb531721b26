/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One request between its arrival and its answer. Exactly one answer is given to each, and none to
 * a notification, which is a request without an id. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "handler/methods.h"
#include "wire/launcher-message.h"

typedef struct McpCall McpCall;

/* What a client can do to a request that is under way. Each may be NULL: then it cannot. */
typedef struct RequestControls {
        void (*cancel)(void *task);
        /* as streams_add_input() */
        int (*add_input)(void *task, Request *from, const void *data, size_t size, bool is_last);
        /* as execution_signal() and execution_resize() */
        int (*signal)(void *task, uint32_t signo);
        int (*resize)(void *task, uint16_t rows, uint16_t columns);
        void (*free)(void *task); /* at the handler's end */
} RequestControls;

struct Request {
        TAILQ_ENTRY(Request) entry; /* in its handler's list */
        TAILQ_ENTRY(Request) wait;  /* in the list of whoever will answer it */
        Handler *handler;
        const Method *method;
        json_object *id;                 /* NULL: nobody waits for an answer */
        json_object *params;             /* the method's struct points into it */
        const RequestControls *controls; /* NULL while there is nothing to control */
        void *task;                      /* for them */
        McpCall *mcp; /* owned; it came as an MCP tool's call, which is answered as such */
};

/* The one with this id that is under way; NULL when there is none. */
Request *request_find(const Handler *h, json_object *id);

/* Begins a request: checks its params, and whether there may be one more. References to id (NULL for
 * a notification) and params are taken; mcp (may be NULL) is the request's when this succeeds. Returns
 * 0, and then it is answered or will be (it may be gone already); or a METHOD_E_… with what it says in
 * reterr, or -errno. */
int request_begin(Handler *h, const Method *method, json_object *id, json_object *params,
                  McpCall *mcp, RpcProblem *reterr);
/* Gives back what may be large, once nothing points into it any more. */
void request_drop_params(Request *r);

/* Without an answer: for the end of the handler. */
Request *request_free(Request *r);

/* Answers and frees the request. result is consumed, NULL is -ENOMEM. A fault on the way ends the
 * handler. */
void request_succeed(Request *r, json_object *result);

/* The same with an error: outcome is a METHOD_E_… or -errno, which is a fault of ours and logged.
 * problem may be NULL. */
void request_fail(Request *r, int outcome, const RpcProblem *problem);

/* The same for what the launcher refused. */
void request_refuse(Request *r, const LauncherRefused *refused);
