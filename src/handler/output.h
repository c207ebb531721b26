/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One output stream of a program: a pipe, read in pieces, each of them text or bytes. */

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

/* Called from the event loop. */
typedef struct OutputEvents {
        /* Whether a piece may come; if not, nothing is read until output_resume(). */
        bool (*may_read)(void *userdata);
        /* So many bytes were read: returns how many of them may be passed on, the rest is cut off.
         */
        size_t (*on_read)(size_t size, void *userdata);
        /* One piece, at most OUTPUT_CHUNK_MAX bytes, borrowed. is_text: UTF-8 without NUL. */
        void (*on_piece)(const char *data, size_t size, bool is_text, void *userdata);
        /* Nothing more will come: the program's end is closed, or something was cut off. May free
         * the output. */
        void (*on_end)(void *userdata);
} OutputEvents;

typedef struct Output Output;

/* Makes the pipe. *ret_program_fd, the program's end, is the caller's. Returns 0 or -errno. */
int output_new(Output **ret, sd_event *event, const OutputEvents *events, void *userdata,
               int *ret_program_fd);
/* The same for our end of a pipe that is there already, non-blocking; consumed, also on failure. */
int output_attach(Output **ret, sd_event *event, const OutputEvents *events, void *userdata,
                  int fd);
Output *output_free(Output *o);

/* Takes what is there already without a turn of the loop. May free the output, by on_end. */
void output_look(Output *o);

bool output_is_ended(const Output *o);
void output_resume(Output *o);

/* Pure: how much of what was read goes out as the next piece, and whether as text. A character that
 * is not complete yet is kept for later unless the stream is at its end. Returns 0…size. */
size_t output_cut_piece(const char *data, size_t size, bool at_end, bool *ret_is_text);
