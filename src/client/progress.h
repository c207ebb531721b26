/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What Podman says while it builds or pulls an image. On a terminal: one line with a bar, and all that
 * was said in the step that failed once it has. Elsewhere: every line as it comes. On stderr. */

#include <json-c/json.h>
#include <stdbool.h>

#include "basic/buffer.h"
#include "basic/limits.h"
#include "wire/line.h"

#define PROGRESS_LOG_MAX (256 * KIB) /* of one step; the oldest of more is forgotten */

typedef struct Progress {
        const char *name; /* of the profile or image, borrowed */
        bool is_drawn;    /* on a terminal */
        unsigned step;    /* 1…n_steps; 0 before the first, and when there are none */
        unsigned n_steps;
        char *what; /* the last line, or the step's command; owned */
        char *last; /* the last line, owned */
        Buffer log;
        LineReader lines;
        char *error; /* what Podman gave as the reason of a failure, owned */
} Progress;

void progress_init(Progress *p, const char *name);
void progress_done(Progress *p);
#define _cleanup_progress_ _cleanup_(progress_done)

/* Takes an object of Podman's stream: "stream" is text, "error" the reason of a failure. Returns 0,
 * -ENOMEM, or -EBADMSG for a line longer than LINE_SIZE_MAX. */
int progress_take(Progress *p, json_object *object);

/* Removes what was drawn. After a failure shows what had been kept back. */
void progress_end(Progress *p, bool has_failed);
