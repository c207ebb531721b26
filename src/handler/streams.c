/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Output is bounded twice: at any moment by the client's queue (a piece is read only when it may be
 * sent), and over the whole run by output_max. The byte that would be one too many is read and
 * dropped, which is how one knows that there was one.
 *
 * A request that brought input waits here for its answer until at most half of what may be queued
 * is; that paces a client that waits for its answers, and one that does not runs into the bound. */

#include <errno.h>
#include <fcntl.h>

#include "basic/cleanup.h"
#include "handler/input.h"
#include "handler/output.h"
#include "handler/streams.h"

typedef struct OutputStream {
        Streams *streams;
        unsigned number;
        Output *output; /* NULL before there are pipes */
        uint64_t size;  /* passed on */
} OutputStream;

struct Streams {
        Handler *handler;
        const StreamsEvents *events; /* NULL: output is thrown away, and … */
        void (*on_discarded)(void *userdata);
        void *userdata;

        Input *input;
        TAILQ_HEAD(, Request) waiting;

        OutputStream outputs[2];
        uint64_t output_max;
        uint64_t result_size; /* of what else is output */
        bool cut;
};

Streams *streams_free(Streams *s) {
        if (!s)
                return NULL;
        input_free(s->input);
        for (size_t i = 0; i < ARRAY_SIZE(s->outputs); i++)
                output_free(s->outputs[i].output);
        free(s);
        return NULL;
}

/* -- input ------------------------------------------------------------------------------------ */

static void answer_waiting(Streams *s, int failure) {
        Request *r;

        while ((r = TAILQ_FIRST(&s->waiting))) {
                TAILQ_REMOVE(&s->waiting, r, wait);
                if (failure != 0)
                        request_fail(r, failure, NULL);
                else
                        request_succeed(r, json_object_new_object());
        }
}

static void on_input_room(void *userdata) {
        Streams *s = userdata;

        if (input_is_closed(s->input))
                answer_waiting(s, METHOD_E_STDIN_CLOSED);
        else if (input_has_room(s->input))
                answer_waiting(s, 0);
}

int streams_add_input(Streams *s, Request *request, const void *data, size_t size, bool is_last) {
        int r;

        r = input_add(s->input, data, size);
        if (r == INPUT_E_FULL)
                return METHOD_E_STDIN_FULL;
        if (r == INPUT_E_CLOSED)
                return METHOD_E_STDIN_CLOSED;
        if (r < 0)
                return r;
        if (is_last)
                streams_finish_input(s);
        if (request) {
                request_drop_params(request); /* it may wait for long, and they may be large */
                TAILQ_INSERT_TAIL(&s->waiting, request, wait);
                on_input_room(s);
        }
        return 0;
}

void streams_finish_input(Streams *s) {
        int r = input_finish(s->input);

        if (r < 0)
                handler_exit(s->handler, r);
}

bool streams_is_input_finished(const Streams *s) {
        return input_is_finished(s->input);
}

void streams_close_input(Streams *s) {
        input_close(s->input);
        on_input_room(s);
}

/* -- output ----------------------------------------------------------------------------------- */

static bool may_read(void *userdata) {
        OutputStream *o = userdata;

        return !o->streams->events || !connection_is_congested(o->streams->handler->client);
}

static size_t on_read(size_t size, void *userdata) {
        OutputStream *o = userdata;
        Streams *s = o->streams;
        uint64_t left = s->output_max - s->outputs[0].size - s->outputs[1].size - s->result_size;

        if (!s->events)
                return size;
        if (size > left) {
                s->cut = true;
                size = (size_t)left;
        }
        o->size += size;
        return size;
}

static void on_piece(const char *data, size_t size, bool is_text, void *userdata) {
        OutputStream *o = userdata;
        Streams *s = o->streams;

        if (s->events)
                s->events->on_output(o->number, data, size, is_text, s->userdata);
}

static void on_end(void *userdata) {
        OutputStream *o = userdata;
        Streams *s = o->streams;

        if (s->events)
                s->events->on_ended(s->userdata);
        else
                s->on_discarded(s->userdata);
}

static const OutputEvents output_events = {
        .may_read = may_read,
        .on_read = on_read,
        .on_piece = on_piece,
        .on_end = on_end,
};

int streams_open(Streams *s, uint64_t output_max, bool has_terminal, int ret_fds[static 3]) {
        _cleanup_close_ int in = -EBADF, out = -EBADF, err = -EBADF;
        OutputStream *o = s->outputs;
        int r;

        s->output_max = output_max;
        r = output_new(&o[0].output, s->handler->event, &output_events, &o[0], &out);
        if (r >= 0 && has_terminal) {
                err = fcntl(out, F_DUPFD_CLOEXEC, 0);
                r = err < 0 ? -errno : 0;
        } else if (r >= 0)
                r = output_new(&o[1].output, s->handler->event, &output_events, &o[1], &err);
        if (r >= 0)
                r = input_open(s->input, &in);
        if (r < 0) {
                o[0].output = output_free(o[0].output);
                o[1].output = output_free(o[1].output);
                return r;
        }
        ret_fds[0] = TAKE_FD(in);
        ret_fds[1] = TAKE_FD(out);
        ret_fds[2] = TAKE_FD(err);
        return 0;
}

int streams_attach(Streams *s, uint64_t output_max, const int fds[static 3]) {
        _cleanup_close_ int err = fds[2];
        OutputStream *o = s->outputs;
        int r;

        s->output_max = output_max;
        r = output_attach(&o[0].output, s->handler->event, &output_events, &o[0], fds[1]);
        if (r >= 0)
                r = output_attach(&o[1].output, s->handler->event, &output_events, &o[1],
                                  TAKE_FD(err));
        if (r < 0)
                close_fd(fds[0]);
        else
                r = input_attach(s->input, fds[0]);
        if (r < 0) {
                o[0].output = output_free(o[0].output);
                o[1].output = output_free(o[1].output);
        }
        return r;
}

void streams_uncount(Streams *s, unsigned stream, size_t size) {
        s->outputs[stream].size -= size;
}

bool streams_count_result(Streams *s, size_t size) {
        uint64_t left = s->output_max - s->outputs[0].size - s->outputs[1].size - s->result_size;

        if (size > left) {
                s->cut = true;
                return false;
        }
        s->result_size += size;
        return true;
}

void streams_discard(Streams *s, void (*on_ended)(void *userdata), void *userdata) {
        s->events = NULL;
        s->on_discarded = on_ended;
        s->userdata = userdata;
        streams_resume(s);
}

bool streams_are_ended(const Streams *s) {
        for (size_t i = 0; i < ARRAY_SIZE(s->outputs); i++)
                if (s->outputs[i].output && !output_is_ended(s->outputs[i].output))
                        return false;
        return true;
}

bool streams_are_cut(const Streams *s) {
        return s->cut;
}

void streams_get_sizes(const Streams *s, uint64_t *ret_stdout, uint64_t *ret_stderr) {
        *ret_stdout = s->outputs[0].size;
        *ret_stderr = s->outputs[1].size;
}

void streams_resume(Streams *s) {
        for (size_t i = 0; i < ARRAY_SIZE(s->outputs); i++)
                if (s->outputs[i].output)
                        output_resume(s->outputs[i].output);
}

int streams_new(Streams **ret, Handler *h) {
        _cleanup_(streams_freep) Streams *s = NULL;
        int r;

        s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        *s = (Streams){
                .handler = h,
                .outputs = { { .streams = s, .number = 0 }, { .streams = s, .number = 1 } },
        };
        TAILQ_INIT(&s->waiting);
        r = input_new(&s->input, h->event, &h->n_input, on_input_room, s);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(s);
        return 0;
}

void streams_begin(Streams *s, const StreamsEvents *events, void *userdata) {
        s->events = events;
        s->userdata = userdata;
}
