/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One execution from request to result: input, output, signals and the terminal's size pass through
 * while it goes on, and copies through the control socket are served. */

#include <json-c/json.h>
#include <stdbool.h>

#include "client/control.h"
#include "client/run-output.h"
#include "client/session.h"
#include "client/source.h"
#include "client/terminal.h"

typedef struct Exec {
        Session *session;   /* borrowed, with its signals taken */
        Terminal *terminal; /* borrowed */
        Control *control;   /* borrowed; NULL when nobody is served */
        RunOutput output;
        Source source;
        uint64_t id;             /* of the request */
        uint64_t cancelled_usec; /* when, 0 before */
        int signo;               /* that made us cancel, 0 when none did */
        int output_error;        /* -errno: our output cannot be written, 0 while it can */
        int lost_error;          /* -errno that ended the connection, 0 at a plain end */
        bool lost;               /* the connection ended before the result */
        bool closed;             /* do not wait for anything any more */
        json_object *result;     /* owned, as is the next */
        json_object *error;
} Exec;

void exec_done(Exec *e);
#define _cleanup_exec_ _cleanup_(exec_done)

typedef struct ExecOptions {
        Session *session;
        Terminal *terminal;
        Control *control;
        bool pass_stdin;
        bool keep_output; /* for run_output_show_json() */
} ExecOptions;

/* The members are borrowed for as long as *ret lives. */
void exec_init(Exec *ret, const ExecOptions *options);

/* Sends the request (params is borrowed) and goes on until its result is there, or it is sure that
 * none will come. Logging when it cannot go on. Returns 0 or -errno. May be called again after an
 * end with a result. */
int exec_run(Exec *e, const char *method, json_object *params);

/* Whether it ended with a result, and not by our own doing. */
bool exec_has_ended_well(const Exec *e);

/* Says on stderr what there is to say. Returns the code to exit with. */
int exec_tell(const Exec *e);
