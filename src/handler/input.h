/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A program's stdin: bytes that a client has sent, queued until the program takes them. May be
 * filled before there is a program. */

#include <stdbool.h>
#include <stddef.h>
#include <systemd/sd-event.h>

enum {
        _INPUT_E_SUCCESS,
        INPUT_E_FULL, /* more than STDIN_BUFFER_MAX would be queued, or STDIN_BUFFERS_MAX in all */
        INPUT_E_CLOSED, /* after the end, or the program has closed it */
};

typedef struct Input Input;

/* Called from the event loop when the program has taken so much that at most half of
 * STDIN_BUFFER_MAX is queued, or has closed its stdin. */
typedef void (*input_room_t)(void *userdata);

/* total counts what is queued in all inputs that share it, and outlives them. Returns 0 or -ENOMEM. */
int input_new(Input **ret, sd_event *event, size_t *total, input_room_t on_room, void *userdata);
Input *input_free(Input *i);

/* Makes the pipe; *ret_program_fd, the program's end, is the caller's. Returns 0 or -errno. */
int input_open(Input *i, int *ret_program_fd);

/* Takes our end of a pipe that is there already, non-blocking; consumed, also on failure. Returns 0 or
 * -errno. */
int input_attach(Input *i, int fd);

/* Queues bytes. Returns 0, an INPUT_E_… and nothing is queued, or -errno. */
int input_add(Input *i, const void *data, size_t size);

/* The program sees the end after what is queued. Returns 0 or -errno. */
int input_finish(Input *i);

/* Drops what is queued: the program is gone. */
void input_close(Input *i);

bool input_has_room(const Input *i);
bool input_is_finished(const Input *i); /* the client has sent all */
bool input_is_closed(const Input *i);   /* the program takes no more */
