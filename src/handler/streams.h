/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The three streams between a client and its program: input as far as there is room for it, output
 * as notifications, within the limit of both together. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handler/handler.h"
#include "handler/request.h"

typedef struct Streams Streams;

/* Called from the event loop whenever an output stream has ended, or was cut off at the limit. May
 * free the streams. */
typedef void (*streams_ended_t)(void *userdata);

/* id is the run's, borrowed for as long as the streams live. Returns 0 or -ENOMEM. */
int streams_new(Streams **ret, Handler *h, json_object *id, streams_ended_t on_ended,
                void *userdata);
/* Waiting requests are left to their handler. */
Streams *streams_free(Streams *s);

/* Makes the pipes, once. output_max: bytes of stdout and stderr together. ret_fds gets the
 * program's ends, which are the caller's. Returns 0 or -errno, and then no pipe is left. */
int streams_open(Streams *s, uint64_t output_max, int ret_fds[static 3]);

/* Queues input, and its end. request (may be NULL) is answered when there is room for more, and is
 * the streams' until then. Returns 0, METHOD_E_STDIN_FULL, METHOD_E_STDIN_CLOSED or -errno, and
 * then nothing was queued and the request stays the caller's. */
int streams_add_input(Streams *s, Request *request, const void *data, size_t size, bool is_last);
void streams_finish_input(Streams *s);

/* The program is gone: who waits for room is told so. */
void streams_close_input(Streams *s);

/* Whether no more output will come: also before there were pipes. */
bool streams_are_ended(const Streams *s);
/* Whether output was cut off at the limit. */
bool streams_are_cut(const Streams *s);
/* What was passed on. */
void streams_get_sizes(const Streams *s, uint64_t *ret_stdout, uint64_t *ret_stderr);

/* The client takes output again. */
void streams_resume(Streams *s);
