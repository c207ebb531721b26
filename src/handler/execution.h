/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One run: a sandbox is opened, a program started in it, its streams connected to the client, and
 * however it ends, the sandbox is closed and the request answered once. */

#include <stdbool.h>
#include <stddef.h>

#include "handler/handler.h"
#include "handler/request.h"

/* What to run. Strings and objects are borrowed from the request's params. */
typedef struct ExecutionOrder {
        const char *profile;
        const char *code;  /* NULL: argv */
        json_object *argv; /* NULL: code */
        json_object *env;  /* may be NULL */
        LauncherLimits limits;
        const void *input; /* copied */
        size_t input_size;
        bool input_open; /* more input may come */
} ExecutionOrder;

/* Begins. The request is the execution's until it is answered, except when this fails. Returns 0,
 * METHOD_E_LAUNCHER, METHOD_E_TOO_MANY_SANDBOXES or -errno. */
int execution_new(Handler *h, Request *request, const ExecutionOrder *order);

/* For the end of the handler: records how it ended, answers nobody. */
Execution *execution_free(Execution *e);

/* The execution of the run with this id; NULL when there is none. */
Execution *execution_find(const Handler *h, json_object *id);

/* Kills all of it; the run is then answered with status cancelled, unless it had ended before. */
void execution_cancel(Execution *e);

/* As streams_add_input(). */
int execution_add_input(Execution *e, Request *request, const void *data, size_t size,
                        bool is_last);

/* What concerns all executions of a handler. */

/* The client sends no more: nobody can end an input later. */
void executions_finish_input(Handler *h);
/* The client takes output again. */
void executions_resume(Handler *h);
/* The launcher said DIED. */
void executions_died(Handler *h, const LauncherClosed *died);
/* There is no launcher any more. */
void executions_launcher_lost(Handler *h);
