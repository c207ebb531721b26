/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* It is a program like any other but for its streams: what comes on its stdout is for us and not for
 * the client. That is read only while the client takes what comes of it, so that a driver cannot
 * fill our memory with results.
 *
 * Its exit is told when all is told that it said before, or after OUTPUT_GRACE_USEC: a child that it
 * left may hold its streams open.
 *
 * Trust: it is the client's own code that speaks here. A line that is too long or makes no sense is
 * the last one that is looked at. */

#include <errno.h>
#include <string.h>

#include "basic/buffer.h"
#include "basic/cleanup.h"
#include "basic/limits.h"
#include "basic/utf8.h"
#include "handler/driver-process.h"
#include "handler/handler.h"
#include "handler/input.h"
#include "handler/output.h"
#include "handler/timer.h"
#include "wire/line.h"
#include "wire/payload.h"

#define COMPLAINT_SIZE 400 /* of what a driver that cannot start says */

struct DriverProcess {
        Handler *handler;
        const DriverProcessEvents *events;
        void *userdata;
        Program *program;
        Input *commands;
        size_t n_commands; /* bytes queued for it */
        Output *replies;
        LineReader lines;
        bool is_ignored;
        Output *complaints;
        bool is_hushed;
        char complaint[COMPLAINT_SIZE];
        size_t n_complaint;
        bool is_exited;
        GuestExited exited;     /* how, when it is */
        sd_event_source *timer; /* until that is told */
};

DriverProcess *driver_process_free(DriverProcess *p) {
        if (!p)
                return NULL;
        program_free(p->program);
        input_free(p->commands);
        output_free(p->replies);
        output_free(p->complaints);
        line_reader_done(&p->lines);
        sd_event_source_disable_unref(p->timer);
        free(p);
        return NULL;
}
DEFINE_CLEANUP(DriverProcess, driver_process_free)

/* -- what it says ----------------------------------------------------------------------------- */

/* False when it makes no sense. */
static bool take_line(DriverProcess *p, const char *line, size_t size) {
        _cleanup_driver_reply_ DriverReply reply = {};

        return driver_reply_parse(line, size, &reply) >= 0 &&
               p->events->on_reply(&reply, p->userdata);
}

static void on_reply(const char *data, size_t size, bool is_text _unused_, void *userdata) {
        DriverProcess *p = userdata;
        LineFound found;
        const char *line;

        if (p->is_ignored)
                return;
        if (line_reader_add(&p->lines, data, size) < 0) {
                handler_exit(p->handler, -ENOMEM);
                return;
        }
        while ((found = line_reader_next(&p->lines, &line, &size)) == LINE_WHOLE) {
                bool makes_sense = take_line(p, line, size);

                if (p->is_ignored)
                        return;
                if (!makes_sense)
                        break;
        }
        if (found != LINE_NONE)
                p->events->on_nonsense(p->userdata);
        else
                p->events->on_replies(p->userdata);
}

static void on_complaint(const char *data, size_t size, bool is_text, void *userdata) {
        DriverProcess *p = userdata;
        size_t room = sizeof(p->complaint) - 1 - p->n_complaint;

        if (!is_text || p->is_hushed)
                return;
        size = size < room ? size : room;
        memcpy(p->complaint + p->n_complaint, data, size);
        p->n_complaint += size;
        p->complaint[p->n_complaint] = 0;
        (void)utf8_scrub(p->complaint);
}

static bool may_read(void *userdata) {
        const DriverProcess *p = userdata;

        return !connection_is_congested(p->handler->client);
}

static size_t on_read(size_t size, void *userdata _unused_) {
        return size;
}

static void on_end(void *userdata);

static const OutputEvents reply_events = {
        .may_read = may_read,
        .on_read = on_read,
        .on_piece = on_reply,
        .on_end = on_end,
};

static const OutputEvents complaint_events = {
        .may_read = may_read,
        .on_read = on_read,
        .on_piece = on_complaint,
        .on_end = on_end,
};

bool driver_process_is_mute(const DriverProcess *p) {
        return output_is_ended(p->replies);
}

void driver_process_ignore(DriverProcess *p) {
        p->is_ignored = true;
}

const char *driver_process_complaint(const DriverProcess *p) {
        return p->complaint;
}

void driver_process_hush(DriverProcess *p) {
        p->is_hushed = true;
}

void driver_process_resume(DriverProcess *p) {
        output_resume(p->replies);
        output_resume(p->complaints);
}

/* -- what it is told -------------------------------------------------------------------------- */

int driver_process_send(DriverProcess *p, json_object *command) {
        _cleanup_(buffer_done) Buffer b = {};
        const char *line;
        size_t size;
        int r;

        line = json_object_to_json_string_length(
                command, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, &size);
        if (!line)
                return -ENOMEM;
        r = buffer_append(&b, line, size);
        if (r == 0)
                r = buffer_append(&b, "\n", 1);
        if (r == 0)
                r = input_add(p->commands, buffer_data(&b), b.size);
        return r < 0 ? r : 0;
}

/* -- the process ------------------------------------------------------------------------------ */

static void on_running(void *userdata _unused_) {
}

static void tell_exited(DriverProcess *p) {
        p->is_exited = false;
        timer_clear(p->timer);
        if (!p->is_ignored)
                p->events->on_exited(&p->exited, p->userdata);
}

static bool is_silent(const DriverProcess *p) {
        return driver_process_is_mute(p) && (p->is_hushed || output_is_ended(p->complaints));
}

static void on_end(void *userdata) {
        DriverProcess *p = userdata;

        if (p->is_exited && is_silent(p))
                tell_exited(p);
}

static int on_timer(sd_event_source *source _unused_, uint64_t usec _unused_, void *userdata) {
        DriverProcess *p = userdata;
        int r = 0;

        if (!connection_is_congested(p->handler->client))
                tell_exited(p);
        else
                r = timer_set(p->handler->event, &p->timer, OUTPUT_GRACE_USEC, on_timer, p);
        if (r < 0)
                handler_exit(p->handler, r);
        return 0;
}

static void on_exited(const GuestExited *exited, void *userdata) {
        DriverProcess *p = userdata;
        int r;

        p->is_exited = true;
        p->exited = *exited;
        if (is_silent(p)) {
                tell_exited(p);
                return;
        }
        r = timer_set(p->handler->event, &p->timer, OUTPUT_GRACE_USEC, on_timer, p);
        if (r < 0)
                handler_exit(p->handler, r);
}

static const ProgramEvents program_events = {
        .on_running = on_running,
        .on_exited = on_exited,
};

Program *driver_process_program(DriverProcess *p) {
        return p->program;
}

static void on_room(void *userdata _unused_) {
}

static int alloc(DriverProcess **ret, Sandbox *s, const DriverProcessEvents *events,
                 void *userdata) {
        _cleanup_(driver_process_freep) DriverProcess *p = NULL;
        int r;

        p = calloc(1, sizeof(*p));
        if (!p)
                return -ENOMEM;
        *p = (DriverProcess){ .handler = s->handler, .events = events, .userdata = userdata };
        r = input_new(&p->commands, s->handler->event, &p->n_commands, on_room, p);
        if (r >= 0)
                *ret = TAKE_PTR(p);
        return r;
}

int driver_process_new(DriverProcess **ret, Sandbox *s, const DriverProcessEvents *events,
                       void *userdata) {
        _cleanup_close_ int payload_fd = -EBADF, in = -EBADF, out = -EBADF, err = -EBADF;
        _cleanup_(driver_process_freep) DriverProcess *p = NULL;
        Payload payload = { .words = s->opened.driver, .sandbox_env = s->env };
        sd_event *event = s->handler->event;
        uint32_t exec = guest_new_exec(s->guest);
        GuestStart frame;
        int r;

        r = alloc(&p, s, events, userdata);
        if (r < 0)
                return r;
        payload_fd = payload_pack(&payload, exec, &frame);
        if (payload_fd < 0)
                return payload_fd;
        r = input_open(p->commands, &in);
        if (r >= 0)
                r = output_new(&p->replies, event, &reply_events, p, &out);
        if (r >= 0)
                r = output_new(&p->complaints, event, &complaint_events, p, &err);
        if (r >= 0)
                r = program_new(&p->program, s, exec, &frame,
                                (const int[]){ payload_fd, in, out, err }, &program_events, p);
        if (r == 0)
                *ret = TAKE_PTR(p);
        return r;
}

int driver_process_adopt(DriverProcess **ret, Sandbox *s, int *fds,
                         const DriverProcessEvents *events, void *userdata) {
        _cleanup_(driver_process_freep) DriverProcess *p = NULL;
        sd_event *event = s->handler->event;
        int r;

        r = alloc(&p, s, events, userdata);
        if (r >= 0)
                r = input_attach(p->commands, TAKE_FD(fds[LAUNCHER_FD_COMMANDS]));
        if (r >= 0)
                r = output_attach(&p->replies, event, &reply_events, p,
                                  TAKE_FD(fds[LAUNCHER_FD_REPLIES]));
        if (r >= 0)
                r = output_attach(&p->complaints, event, &complaint_events, p,
                                  TAKE_FD(fds[LAUNCHER_FD_COMPLAINTS]));
        if (r >= 0)
                r = program_adopt(&p->program, s, LAUNCHER_DRIVER_EXEC, s->opened.driver_pid,
                                  &program_events, p);
        if (r >= 0)
                *ret = TAKE_PTR(p);
        return r;
}

void driver_process_look(DriverProcess *p) {
        /* a driver that is ready has closed its stderr */
        output_look(p->complaints);
        output_look(p->replies);
}
