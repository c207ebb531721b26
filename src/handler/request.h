/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One request between its arrival and its answer. Exactly one answer is given to each, and none to
 * a notification, which is a request without an id. */

#include <json-c/json.h>
#include <sys/queue.h>

#include "handler/methods.h"
#include "wire/launcher-message.h"

struct Request {
        TAILQ_ENTRY(Request) entry; /* in its handler's list */
        TAILQ_ENTRY(Request) wait;  /* in the list of whoever will answer it */
        Handler *handler;
        const Method *method;
        json_object *id;     /* NULL: nobody waits for an answer */
        json_object *params; /* the method's struct points into it */
};

/* Takes references to id (may be NULL) and params. Returns 0 or -ENOMEM. */
int request_new(Request **ret, Handler *h, const Method *method, json_object *id,
                json_object *params);
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
