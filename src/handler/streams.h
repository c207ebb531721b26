/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The three streams of a program: input as far as there is room for it, output as far as somebody
 * takes it, within the limit of both together. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/cleanup.h"
#include "handler/handler.h"
#include "handler/request.h"

typedef struct Streams Streams;

/* From the event loop. */
typedef struct StreamsEvents {
        /* One piece of stdout (0) or stderr (1), as output.h gives it, when the client takes more. */
        void (*on_output)(unsigned stream, const char *data, size_t size, bool is_text,
                          void *userdata);
        /* An output stream has ended, or was cut off at the limit. May free the streams. */
        void (*on_ended)(void *userdata);
} StreamsEvents;

/* They take input from the first moment on. Returns 0 or -ENOMEM. */
int streams_new(Streams **ret, Handler *h);
/* Whoever is to be told, before they are opened. */
void streams_begin(Streams *s, const StreamsEvents *events, void *userdata);
/* Waiting requests are left to their handler. */
Streams *streams_free(Streams *s);
DEFINE_CLEANUP(Streams, streams_free)

/* Makes the pipes, once. output_max: bytes of stdout and stderr together. With a terminal there is
 * no stderr. ret_fds gets the program's ends, which are the caller's, two of them the same pipe
 * with a terminal. Returns 0 or -errno, and then no pipe is left. */
int streams_open(Streams *s, uint64_t output_max, bool has_terminal, int ret_fds[static 3]);

/* Takes pipes that are there already, in the place of streams_open() without a terminal: our ends, non-blocking,
 * consumed also on failure. Returns 0 or -errno. */
int streams_attach(Streams *s, uint64_t output_max, const int fds[static 3]);

/* Queues input, and its end. request (may be NULL) is answered when there is room for more, and is
 * the streams' until then. Returns 0, METHOD_E_STDIN_FULL, METHOD_E_STDIN_CLOSED or -errno, and
 * then nothing was queued and the request stays the caller's. */
int streams_add_input(Streams *s, Request *request, const void *data, size_t size, bool is_last);
void streams_finish_input(Streams *s);
/* Whether the end of the input was queued. */
bool streams_is_input_finished(const Streams *s);

/* The program is gone: who waits for room is told so. */
void streams_close_input(Streams *s);

/* Whether no more output will come: also before there were pipes. */
bool streams_are_ended(const Streams *s);
/* Whether output was cut off at the limit. */
bool streams_are_cut(const Streams *s);
/* What was passed on. */
void streams_get_sizes(const Streams *s, uint64_t *ret_stdout, uint64_t *ret_stderr);

/* So many bytes of that stream were not output after all. */
void streams_uncount(Streams *s, unsigned stream, size_t size);

/* Counts what else is output. False when the limit is passed. */
bool streams_count_result(Streams *s, size_t size);

/* From here on, output is read and thrown away, and only on_ended is told. */
void streams_discard(Streams *s, void (*on_ended)(void *userdata), void *userdata);

/* The client takes output again. */
void streams_resume(Streams *s);
