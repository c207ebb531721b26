/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The process lives as long as its client. Nothing is read from the client before the launcher has
 * said who it is, so every request has a connection's id for the audit, or the reason why there is
 * none.
 *
 * A line becomes a request here, or an error: in this order the envelope, the method, the fields,
 * the launcher's word, the bounds. What is ignored, as JSON-RPC wants it, is a notification of a
 * method that only makes sense with an answer.
 *
 * When the client is gone the process ends at once. It cleans up nothing: the kernel closes its
 * descriptors, whereupon guests end and the launcher kills and removes what there was. All that is
 * left to do is to record how the executions ended. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "basic/limits.h"
#include "basic/log.h"
#include "handler/handler.h"
#include "handler/mcp.h"
#include "handler/reply.h"
#include "handler/request.h"
#include "handler/sandbox.h"
#include "wire/rpc.h"

void handler_exit(Handler *h, int error) {
        if (error < 0)
                log_error(error, "Cannot go on");
        (void)sd_event_exit(h->event, error);
}

void handler_consider_exit(Handler *h) {
        if (h->client_ended && h->n_requests == 0 && connection_is_flushed(h->client))
                handler_exit(h, 0);
}

void handler_count_refusal(Handler *h) {
        uint64_t now;
        int r;

        r = sd_event_now(h->event, CLOCK_MONOTONIC, &now);
        if (r >= 0 && now - h->refusals_begin >= USEC_PER_SEC) {
                h->refusals_begin = now;
                h->n_refused = 0;
        }
        if (r >= 0 && ++h->n_refused >= REFUSALS_PER_SECOND_MAX)
                r = connection_hold(h->client, h->refusals_begin + USEC_PER_SEC - now);
        if (r < 0)
                handler_exit(h, r);
}

/* No more requests, and the end as soon as what was said is taken. */
static void stop_listening(Handler *h) {
        connection_finish(h->client);
        h->client_ended = true;
        if (connection_is_flushed(h->client))
                handler_exit(h, 0);
}

/* -- requests --------------------------------------------------------------------------------- */

/* Returns 0, a METHOD_E_…, or -errno. */
static int dispatch(Handler *h, const RpcRequest *rpc, RpcProblem *reterr) {
        const char *name = json_object_get_string(rpc->method);
        const Method *method = method_find(name);
        McpMethod mcp = mcp_method_find(name);

        if (!method && mcp != _MCP_METHOD_MAX)
                return mcp_dispatch(h, mcp, rpc, reterr);
        if (!rpc->id && (!method || !method->may_notify))
                return 0;
        return method ? request_begin(h, method, rpc->id, rpc->params, NULL, reterr)
                      : METHOD_E_METHOD;
}

static int parse(const char *line, size_t size, RpcRequest *ret, RpcProblem *reterr) {
        int r = rpc_request_parse(line, size, ret, reterr);

        return r == RPC_E_PARSE ? METHOD_E_PARSE : r == RPC_E_INVALID ? METHOD_E_REQUEST : r;
}

static void on_line(const char *line, size_t size, void *userdata) {
        _cleanup_rpc_request_ RpcRequest rpc = {};
        _cleanup_problem_ RpcProblem problem = {};
        Handler *h = userdata;
        const char *name;
        bool is_request;
        int r;

        r = parse(line, size, &rpc, &problem);
        /* a request that is none is answered too, for nobody can say that it was a notification */
        is_request = r != 0 || rpc.id;
        name = rpc.method ? json_object_get_string(rpc.method) : NULL;

        if (r == 0 && launcher_link_state(h->launcher) == LAUNCHER_LINK_REFUSED) {
                r = reply_refused(h, rpc.id, is_request, name, NULL,
                                  launcher_link_refused(h->launcher));
                if (r >= 0)
                        stop_listening(h);
        } else {
                if (r == 0)
                        r = dispatch(h, &rpc, &problem);
                if (r == 0)
                        return;
                /* an id that another request has says nothing: the client could not tell which */
                if (r == METHOD_E_REQUEST && rpc.id && request_find(h, rpc.id))
                        r = reply_error(h, NULL, is_request, name, NULL, r, &problem);
                else
                        r = reply_error(h, rpc.id, is_request, name, NULL, r, &problem);
        }
        if (r < 0)
                handler_exit(h, r);
}

/* -- the client ------------------------------------------------------------------------------- */

static void on_fault(ConnectionFault fault, void *userdata) {
        _cleanup_problem_ RpcProblem problem = {};
        Handler *h = userdata;
        int r = 0;

        switch (fault) {
        case CONNECTION_FAULT_TOO_LONG:
                r = rpc_problem_set(&problem, NULL,
                                    "a line may have %llu bytes, this one is longer",
                                    (unsigned long long)LINE_SIZE_MAX);
                break;
        case CONNECTION_FAULT_TIMEOUT:
                r = rpc_problem_set(
                        &problem, NULL,
                        "a line must be whole within %llu s, the first one within %llu s",
                        (unsigned long long)(LINE_TIMEOUT_USEC / USEC_PER_SEC),
                        (unsigned long long)(HANDSHAKE_TIMEOUT_USEC / USEC_PER_SEC));
                break;
        case CONNECTION_FAULT_UNFINISHED:
                r = rpc_problem_set(&problem, NULL, "the last line has no newline behind it");
                break;
        }
        if (r >= 0)
                r = reply_error(h, NULL, /* is_wanted= */ true, NULL, NULL, METHOD_E_PARSE,
                                &problem);
        if (r < 0)
                handler_exit(h, r);
        else if (fault != CONNECTION_FAULT_UNFINISHED)
                stop_listening(h);
}

static void on_end(void *userdata) {
        Handler *h = userdata;

        h->client_ended = true;
        sandboxes_finish_input(h);
        handler_consider_exit(h);
}

static void on_room(void *userdata) {
        Handler *h = userdata;

        sandboxes_resume(h);
        handler_consider_exit(h);
}

static void on_gone(void *userdata) {
        Handler *h = userdata;

        h->client_gone = true;
        handler_exit(h, 0);
}

static const ConnectionEvents client_events = {
        .on_line = on_line,
        .on_fault = on_fault,
        .on_end = on_end,
        .on_room = on_room,
        .on_gone = on_gone,
};

/* -- the launcher ----------------------------------------------------------------------------- */

static void on_settled(void *userdata) {
        Handler *h = userdata;
        const LauncherWelcome *welcome = launcher_link_welcome(h->launcher);
        int r;

        memcpy(h->sequence.connection, welcome->connection, sizeof(welcome->connection));
        r = connection_begin(h->client);
        if (r < 0)
                handler_exit(h, r);
}

static void on_lost(void *userdata) {
        sandboxes_launcher_lost(userdata);
}

static void on_died(const LauncherClosed *died, void *userdata) {
        sandboxes_died(userdata, died);
}

static const LauncherLinkEvents launcher_events = {
        .on_settled = on_settled,
        .on_lost = on_lost,
        .on_died = on_died,
};

/* -- the whole -------------------------------------------------------------------------------- */

Handler *handler_free(Handler *h) {
        if (!h)
                return NULL;
        while (!TAILQ_EMPTY(&h->sandboxes))
                sandbox_free(TAILQ_FIRST(&h->sandboxes));
        while (!TAILQ_EMPTY(&h->requests))
                request_free(TAILQ_FIRST(&h->requests));
        launcher_link_free(h->launcher);
        connection_free(h->client);
        audit_free(h->audit);
        sd_event_unref(h->event);
        free(h);
        return NULL;
}
DEFINE_CLEANUP(Handler, handler_free)

int handler_new(Handler **ret, sd_event *event, const HandlerFds *fds) {
        _cleanup_close_ int client_fd = fds->client, launcher_fd = fds->launcher,
                            journal_fd = fds->journal;
        _cleanup_(handler_freep) Handler *h = NULL;
        int r;

        h = calloc(1, sizeof(*h));
        if (!h)
                return -ENOMEM;
        h->event = sd_event_ref(event);
        TAILQ_INIT(&h->requests);
        TAILQ_INIT(&h->sandboxes);

        r = audit_new(&h->audit, "handler", TAKE_FD(journal_fd));
        if (r < 0)
                return r;
        r = launcher_link_new(&h->launcher, event, TAKE_FD(launcher_fd), client_fd,
                              &launcher_events, h);
        if (r < 0)
                return r;
        r = connection_new(&h->client, event, TAKE_FD(client_fd), &client_events, h);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(h);
        return 0;
}
