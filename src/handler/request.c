/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* A request is owned by its handler's list from its arrival until it is answered; whoever works on
 * it holds a plain pointer, and answering through here is what ends that. Whoever answers takes its
 * own controls away first. */

#include <errno.h>

#include "basic/cleanup.h"
#include "basic/limits.h"
#include "handler/handler.h"
#include "handler/mcp-call.h"
#include "handler/reply.h"
#include "handler/request.h"
#include "wire/rpc.h"

static int request_new(Request **ret, Handler *h, const Method *method, json_object *id,
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

Request *request_find(const Handler *h, json_object *id) {
        Request *r;

        TAILQ_FOREACH(r, &h->requests, entry)
        if (r->id && rpc_id_is_equal(r->id, id))
                return r;
        return NULL;
}

/* Whether the request may begin. Returns 0, a METHOD_E_…, or -errno. */
static int admit(Handler *h, json_object *id, RpcProblem *reterr) {
        int r;

        if (h->n_requests >= REQUESTS_PER_CONNECTION_MAX)
                return METHOD_E_TOO_MANY_REQUESTS;
        if (id && request_find(h, id)) {
                r = rpc_problem_set(reterr, "id", "a request with this id is under way");
                return r < 0 ? r : METHOD_E_REQUEST;
        }
        return 0;
}

int request_begin(Handler *h, const Method *method, json_object *id, json_object *params,
                  McpCall *mcp, RpcProblem *reterr) {
        _cleanup_free_ void *parsed = NULL;
        Request *request;
        int r;

        parsed = calloc(1, method->params_size + 1);
        if (!parsed)
                return -ENOMEM;
        r = field_parse(method->fields, method->n_fields, params, parsed, reterr);
        if (r != 0)
                return r < 0 ? r : METHOD_E_PARAMS;
        r = admit(h, id, reterr);
        if (r != 0)
                return r;
        r = request_new(&request, h, method, id, params);
        if (r < 0)
                return r;
        request->mcp = mcp;
        r = method->handle(h, request, parsed, reterr);
        if (r != 0) {
                request->mcp = NULL; /* still the caller's */
                request_free(request);
        }
        return r;
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
        if (r->controls && r->controls->free)
                r->controls->free(r->task);
        mcp_call_free(r->mcp);
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
        finish(r, r->mcp ? mcp_call_succeed(r->mcp, r->handler, r->id, result)
                         : reply_result(r->handler, r->id, result));
}

void request_fail(Request *r, int outcome, const RpcProblem *problem) {
        finish(r, reply_error(r->handler, r->id, r->id != NULL, r->method->name, r->mcp, outcome,
                              problem));
}

void request_refuse(Request *r, const LauncherRefused *refused) {
        finish(r,
               reply_refused(r->handler, r->id, r->id != NULL, r->method->name, r->mcp, refused));
}
