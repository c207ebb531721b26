/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* A program's stdout and stderr: to our own, or kept and printed with the result. */

#include <json-c/json.h>
#include <poll.h>
#include <stdbool.h>

#include "client/sink.h"

typedef struct RunOutput {
        Sink stdout_sink;
        Sink stderr_sink;
} RunOutput;

/* keep: print nothing before run_output_show_json(). */
void run_output_init(RunOutput *o, bool keep);
void run_output_done(RunOutput *o);

/* The params of an "output" notification. Returns 0, -EBADMSG, -ENOMEM. */
int run_output_add(RunOutput *o, json_object *params);

/* What code gave back, as text behind what it printed; nothing when that is kept, for the result has it
 * then. result is that of an execution. Returns 0 or -ENOMEM. */
int run_output_add_results(RunOutput *o, json_object *result);

bool run_output_is_full(const RunOutput *o);
bool run_output_is_busy(const RunOutput *o);
void run_output_prepare(const RunOutput *o, struct pollfd *out, struct pollfd *err);

/* Returns 0, or -errno when one of the readers is gone. */
int run_output_dispatch(RunOutput *o, short stdout_revents, short stderr_revents);

/* Prints the result with the members stdout and stderr added, or stdout_base64 and stderr_base64
 * where they are not UTF-8 text; or {"error": …}. Returns 0 or -errno. */
int run_output_show_json(RunOutput *o, json_object *result, json_object *error);
