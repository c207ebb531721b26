/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A request is owned by its handler's list from its arrival until it is answered; whoever works on
 * it holds a plain pointer, and answering through here is what ends that. */

#include <errno.h>

#include "basic/cleanup.h"
#include "handler/handler.h"
#include "handler/reply.h"
#include "handler/request.h"

int request_new(Request **ret, Handler *h, const Method *method, json_object *id,
                json_object *params) {
        Request *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        *r = (Request){
                .handler = h,
                .method = method,
                .id = json_object_get(id),
                .params = json_object_get(params),
        };
        TAILQ_INSERT_TAIL(&h->requests, r, entry);
        h->n_requests++;
        *ret = r;
        return 0;
}

void request_drop_params(Request *r) {
        (void)json_object_put(r->params);
        r->params = NULL;
}

Request *request_free(Request *r) {
        if (!r)
                return NULL;
        TAILQ_REMOVE(&r->handler->requests, r, entry);
        r->handler->n_requests--;
        (void)json_object_put(r->id);
        (void)json_object_put(r->params);
        free(r);
        return NULL;
}

static void finish(Request *r, int error) {
        Handler *h = r->handler;

        request_free(r);
        if (error < 0)
                handler_exit(h, error);
        else
                handler_consider_exit(h);
}

void request_succeed(Request *r, json_object *result) {
        finish(r, reply_result(r->handler, r->id, result));
}

void request_fail(Request *r, int outcome, const RpcProblem *problem) {
        finish(r, reply_error(r->handler, r->id, r->id != NULL, r->method->name, outcome, problem));
}

void request_refuse(Request *r, const LauncherRefused *refused) {
        finish(r, reply_refused(r->handler, r->id, r->id != NULL, r->method->name, refused));
}
