/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The session belongs to its sandbox, and is freed with it. It has at most one request at a time:
 * the one that opens it until it is ready, later the one that closes it. */

#include <errno.h>
#include <string.h>

#include "basic/cleanup.h"
#include "basic/json.h"
#include "handler/handler.h"
#include "handler/method-profile.h"
#include "handler/notice.h"
#include "handler/session.h"

typedef struct Session {
        Handler *handler;
        Sandbox *sandbox;
        Request *request; /* to be answered next, or NULL */
        char id[ID_SIZE]; /* "" before it is ready */
} Session;

static int format_opened(const Sandbox *s, json_object **ret) {
        _cleanup_json_ json_object *object = json_object_new_object();
        int r;

        if (!object)
                return -ENOMEM;
        r = json_set_string(object, "sandbox", s->opened.sandbox);
        if (r >= 0)
                r = json_set_string(object, "profile", s->opened.profile);
        if (r >= 0)
                r = json_set_string(object, "image", s->opened.digest);
        if (r >= 0)
                r = method_profile_set_limits(object, &s->opened.limits);
        if (r >= 0)
                *ret = TAKE_PTR(object);
        return r;
}

static Request *take_request(Session *session) {
        Request *request = session->request;

        session->request = NULL;
        if (request)
                request->controls = NULL;
        return request;
}

static void on_ready(void *userdata) {
        Session *session = userdata;
        json_object *result = NULL;
        int r;

        memcpy(session->id, session->sandbox->opened.sandbox, sizeof(session->id));
        r = format_opened(session->sandbox, &result);
        if (r < 0)
                request_fail(take_request(session), r, NULL);
        else
                request_succeed(take_request(session), result);
}

static const char *end_reason(const SandboxEnd *end) {
        if (end->cause == END_LAUNCHER_LOST)
                return "launcher_lost";
        if (end->cause == END_LIFETIME)
                return "lifetime";
        if (end->cause == END_GUEST_PROTOCOL)
                return "guest_protocol_error";
        switch (end->death) {
        case LAUNCHER_DEATH_OOM:
                return "oom";
        case LAUNCHER_DEATH_LIFETIME:
                return "lifetime";
        case LAUNCHER_DEATH_KILLED:
                return "killed";
        case LAUNCHER_DEATH_INVALID:
        case _LAUNCHER_DEATH_MAX:
        default:
                return "guest_lost";
        }
}

/* The answer to close. */
static int format_closed(const Session *session, const SandboxEnd *end, json_object **ret) {
        _cleanup_json_ json_object *object = json_object_new_object();
        json_object *usage = NULL;
        int r;

        if (!object)
                return -ENOMEM;
        r = json_set_string(object, "sandbox", session->id);
        if (r >= 0)
                r = result_format_usage(&end->usage, &usage);
        if (r >= 0)
                r = json_set(object, "usage", usage);
        if (r >= 0)
                *ret = TAKE_PTR(object);
        return r;
}

static void tell(Handler *h, const Session *session, const SandboxEnd *end) {
        json_object *message = NULL;
        int r;

        r = notice_format_ended(session->id, end_reason(end), &message);
        if (r >= 0)
                r = connection_send(h->client, message);
        if (r < 0)
                handler_exit(h, r);
}

static void answer_end(const Session *session, Request *request, const SandboxEnd *end) {
        json_object *result = NULL;
        int r;

        if (end->refused)
                request_refuse(request, end->refused);
        else if (end->failure != 0)
                request_fail(request, end->failure, end->problem);
        else if (!session->id[0])
                request_fail(request,
                             end->cause == END_CANCELLED ? METHOD_E_CANCELLED
                                                         : METHOD_E_SANDBOX_ENDED,
                             NULL);
        else {
                r = format_closed(session, end, &result);
                if (r < 0)
                        request_fail(request, r, NULL);
                else
                        request_succeed(request, result);
        }
}

static void on_ended(const SandboxEnd *end, void *userdata) {
        _cleanup_free_ Session *session = userdata;
        Request *request = take_request(session);

        if (request)
                answer_end(session, request, end);
        else if (session->id[0])
                tell(session->handler, session, end);
}

static void free_session(void *userdata) {
        free(userdata);
}

static const SandboxEvents sandbox_events = {
        .on_ready = on_ready,
        .on_ended = on_ended,
        .free = free_session,
};

static void cancel(void *task) {
        Session *session = task;

        sandbox_end(session->sandbox, END_CANCELLED);
}

/* Of the request that opens it: nothing else can be done to that, and nothing to one that closes. */
static const RequestControls controls = { .cancel = cancel };

int session_open(Handler *h, Request *request, const char *profile, const LauncherLimits *limits,
                 json_object *env) {
        _cleanup_free_ Session *session = calloc(1, sizeof(*session));
        int r;

        if (!session)
                return -ENOMEM;
        *session = (Session){ .handler = h, .request = request };
        r = sandbox_new(&session->sandbox, h, profile, limits, /* is_kept= */ true, env,
                        &sandbox_events, session);
        if (r != 0)
                return r;
        request_drop_params(request);
        request->controls = &controls;
        request->task = TAKE_PTR(session);
        return 0;
}

void session_close(Sandbox *s, Request *request) {
        Session *session = s->userdata;

        session->request = request;
        sandbox_end(s, END_CLOSED);
}
