/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The service sends text where a piece is UTF-8 and base64 where it is not; here both are bytes
 * again, so that a character cut in two pieces comes out whole. */

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "basic/base64.h"
#include "basic/json.h"
#include "client/run-output.h"
#include "client/show.h"

void run_output_init(RunOutput *o, bool keep) {
        *o = (RunOutput){
                .stdout_sink.fd = keep ? -EBADF : STDOUT_FILENO,
                .stderr_sink.fd = keep ? -EBADF : STDERR_FILENO,
        };
}

void run_output_done(RunOutput *o) {
        sink_done(&o->stdout_sink);
        sink_done(&o->stderr_sink);
}

int run_output_add(RunOutput *o, json_object *params) {
        const char *stream = show_string_of(params, "stream");
        _cleanup_free_ void *data = NULL;
        json_object *value;
        size_t size;
        Sink *sink;
        int r;

        if (strcmp(stream, "stdout") == 0)
                sink = &o->stdout_sink;
        else if (strcmp(stream, "stderr") == 0)
                sink = &o->stderr_sink;
        else
                return -EBADMSG;

        if (json_object_object_get_ex(params, "text", &value) &&
            json_object_is_type(value, json_type_string))
                return sink_add(sink, json_object_get_string(value),
                                (size_t)json_object_get_string_len(value));
        if (!json_object_object_get_ex(params, "base64", &value) ||
            !json_object_is_type(value, json_type_string))
                return -EBADMSG;
        r = base64_decode(json_object_get_string(value), (size_t)json_object_get_string_len(value),
                          &data, &size);
        return r < 0 ? r : sink_add(sink, data, size);
}

int run_output_add_results(RunOutput *o, json_object *result) {
        json_object *results = NULL, *text = NULL;
        int r = 0;

        if (o->stdout_sink.fd < 0 || !json_object_object_get_ex(result, "results", &results) ||
            !json_object_is_type(results, json_type_array))
                return 0;
        for (size_t i = 0; r >= 0 && i < json_object_array_length(results); i++) {
                if (!json_object_object_get_ex(json_object_array_get_idx(results, i), "text/plain",
                                               &text) ||
                    !json_object_is_type(text, json_type_string))
                        continue;
                r = sink_add(&o->stdout_sink, json_object_get_string(text),
                             (size_t)json_object_get_string_len(text));
                if (r >= 0)
                        r = sink_add(&o->stdout_sink, "\n", 1);
        }
        return r;
}

bool run_output_is_full(const RunOutput *o) {
        return sink_is_full(&o->stdout_sink) || sink_is_full(&o->stderr_sink);
}

bool run_output_is_busy(const RunOutput *o) {
        return sink_is_busy(&o->stdout_sink) || sink_is_busy(&o->stderr_sink);
}

static struct pollfd prepare(const Sink *s) {
        return (struct pollfd){ .fd = s->error < 0 ? -1 : s->fd, .events = sink_events(s) };
}

void run_output_prepare(const RunOutput *o, struct pollfd *out, struct pollfd *err) {
        *out = prepare(&o->stdout_sink);
        *err = prepare(&o->stderr_sink);
}

int run_output_dispatch(RunOutput *o, short stdout_revents, short stderr_revents) {
        sink_dispatch(&o->stdout_sink, stdout_revents);
        sink_dispatch(&o->stderr_sink, stderr_revents);
        return o->stdout_sink.error < 0 ? o->stdout_sink.error : o->stderr_sink.error;
}

static int add_stream(json_object *object, const char *name, const char *name_base64,
                      const Sink *sink) {
        size_t size = sink->pending.size;
        const char *data = buffer_data(&sink->pending);
        _cleanup_free_ char *text = NULL;
        int r;

        if (size > INT_MAX)
                return -EFBIG;
        if (utf8_is_valid(data, size) && !memchr(data, 0, size))
                return json_set(object, name, json_object_new_string_len(data, (int)size));
        r = base64_encode(data, size, &text, NULL);
        return r < 0 ? r : json_set_string(object, name_base64, text);
}

int run_output_show_json(RunOutput *o, json_object *result, json_object *error) {
        _cleanup_json_ json_object *object = json_object_new_object();
        int r = 0;

        if (!object)
                return -ENOMEM;
        if (error)
                r = json_set(object, "error", json_object_get(error));
        if (r >= 0 && result) {
                json_object_object_foreach(result, name, value) {
                        r = json_set(object, name, json_object_get(value));
                        if (r < 0)
                                return r;
                }
        }
        if (r >= 0 && !error)
                r = add_stream(object, "stdout", "stdout_base64", &o->stdout_sink);
        if (r >= 0 && !error)
                r = add_stream(object, "stderr", "stderr_base64", &o->stderr_sink);
        return r < 0 ? r : show_json(object);
}
