/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Pieces are only handed in while the client takes them, so notifications need no bound of their
 * own; what is captured has one by capture.c, results have theirs. A tool's
 * call is always captured, and its pieces are told as progress besides, if its client wants that. */

#include <errno.h>

#include "basic/json.h"
#include "basic/limits.h"
#include "handler/capture.h"
#include "handler/handler.h"
#include "handler/mcp-call.h"
#include "handler/notice.h"
#include "handler/report.h"

struct Report {
        Request *request;
        bool captures;
        Capture streams[2];
        json_object *results; /* an array; NULL where there can be none */
        size_t results_size;
        bool are_truncated;
        json_object *error; /* NULL for none */
};

static const char *const stream_names[] = { "stdout", "stderr" };

Report *report_free(Report *r) {
        if (!r)
                return NULL;
        for (size_t i = 0; i < ARRAY_SIZE(r->streams); i++)
                capture_done(&r->streams[i]);
        (void)json_object_put(r->results);
        (void)json_object_put(r->error);
        free(r);
        return NULL;
}

int report_new(Report **ret, Request *request, bool captures, bool is_code) {
        Report *r = calloc(1, sizeof(*r));

        if (!r)
                return -ENOMEM;
        *r = (Report){
                .request = request,
                .captures = captures || request->mcp,
                .results = is_code ? json_object_new_array() : NULL,
        };
        if (is_code && !r->results) {
                report_free(r);
                return -ENOMEM;
        }
        *ret = r;
        return 0;
}

/* Sends a message that was made with this outcome. */
static void send_notice(Report *r, int outcome, json_object *message) {
        Handler *h = r->request->handler;

        if (outcome >= 0)
                outcome = connection_send(h->client, message);
        if (outcome < 0)
                handler_exit(h, outcome);
}

void report_output(Report *r, unsigned stream, const char *data, size_t size, bool is_text) {
        json_object *message = NULL;
        int n;

        if (r->captures) {
                n = capture_add(&r->streams[stream], data, size);
                if (n < 0)
                        handler_exit(r->request->handler, n);
                if (r->request->mcp && is_text)
                        mcp_call_progress(r->request, data, size);
                return;
        }
        n = notice_format_output(r->request->id, stream_names[stream], data, size, is_text,
                                 &message);
        send_notice(r, n, message);
}

void report_result(Report *r, json_object *data, size_t size) {
        if (r->are_truncated || json_object_array_length(r->results) >= RESULTS_MAX ||
            size > RESULTS_SIZE_MAX - r->results_size) {
                r->are_truncated = true;
                return;
        }
        r->results_size += size;
        if (json_append(r->results, json_object_get(data)) < 0)
                handler_exit(r->request->handler, -ENOMEM);
}

void report_error(Report *r, json_object *error) {
        (void)json_object_put(r->error);
        r->error = json_object_get(error);
}

static int add_stream(json_object *result, const Capture *c, const char *name,
                      const char *truncated) {
        _cleanup_free_ char *text = NULL;
        bool is_truncated;
        int r;

        r = capture_format(c, &text, &is_truncated);
        if (r >= 0)
                r = json_set_string(result, name, text);
        if (r >= 0 && is_truncated)
                r = json_set_bool(result, truncated, true);
        return r;
}

int report_finish(Report *r, json_object *result) {
        int n = 0;

        if (r->captures) {
                n = add_stream(result, &r->streams[0], "stdout", "stdout_truncated");
                if (n >= 0)
                        n = add_stream(result, &r->streams[1], "stderr", "stderr_truncated");
        }
        if (n >= 0 && r->results)
                n = json_set(result, "results", json_object_get(r->results));
        if (n >= 0 && r->are_truncated)
                n = json_set_bool(result, "results_truncated", true);
        if (n >= 0 && r->error)
                n = json_set(result, "error", json_object_get(r->error));
        return n;
}
