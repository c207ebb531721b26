/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One program, or one piece of code in the sandbox's interpreter: started, its streams carried, and
 * however it ends, told of once. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handler/request.h"
#include "handler/result.h"
#include "handler/sandbox.h"
#include "handler/stand-in.h"
#include "wire/payload.h"

/* What to run. Strings and objects are borrowed: until on_started, or until execution_new()
 * fails. */
typedef struct ExecutionOrder {
        Payload payload;   /* its env beside the sandbox's own */
        bool by_driver;    /* the sandbox's driver runs payload.code, and keeps its state */
        bool reset;        /* … after a fresh start */
        bool has_terminal; /* one of this size, and no stderr */
        uint16_t rows;
        uint16_t columns;
        uint64_t timeout_usec; /* LIMIT_UNSET: the sandbox's, like … */
        uint64_t output_bytes;
        Streams *streams;        /* not opened yet, with input in them; consumed in every case */
        bool keeps_leftovers;    /* what it leaves running may stay when it has ended by itself */
        bool is_ours;            /* a program of Cloche's own: not recorded as an execution */
        json_object *request_id; /* referenced; for the record, may be NULL */
} ExecutionOrder;

/* From the event loop. */
typedef struct ExecutionEvents {
        void (*on_started)(void *userdata); /* the order is needed no more; at most once */
        /* output that the client may be sent now; stream 0 is stdout (and a terminal), 1 is stderr */
        void (*on_output)(unsigned stream, const char *data, size_t size, bool is_text,
                          void *userdata);
        /* by_driver only (else they may be NULL), both borrowed: what the code gives back, an object of
         * strings by media type that is size bytes of JSON; and the error that it ended by, as
         * driver-reply.h has it, once at most */
        void (*on_result)(json_object *data, size_t size, void *userdata);
        void (*on_error)(json_object *error, void *userdata);
        /* Once, the last; the execution is then freed. failure is 0, or says why nothing was started: a
         * METHOD_E_… or -errno, with what it says (may be NULL). */
        void (*on_done)(const RunEnd *end, int failure, const RpcProblem *problem, void *userdata);
} ExecutionEvents;

/* Begins. Returns 0, a METHOD_E_… or -errno; then nothing is told. */
int execution_new(Execution **ret, Sandbox *s, const ExecutionOrder *order,
                  const ExecutionEvents *events, void *userdata);
/* For the end of the handler: records how it ended, tells nobody. */
Execution *execution_free(Execution *e);

/* The next one in its sandbox. */
Execution *execution_next(Execution *e);

/* Its id inside, 0 before it was started. */
uint32_t execution_id(const Execution *e);

/* Ends it with everything that it started, for that cause unless it had ended before. */
void execution_stop(Execution *e, EndCause cause);

/* As streams_add_input(). */
int execution_add_input(Execution *e, Request *request, const void *data, size_t size,
                        bool is_last);
void execution_finish_input(Execution *e);
void execution_resume(Execution *e);

/* A signal to the main process and its group: the interpreter itself for code that it runs. Returns
 * 0, -ESRCH when nothing runs, -EAGAIN when the guest does not keep up, or -errno. */
int execution_signal(Execution *e, uint32_t signo);
/* The same for a new size of its terminal; -ENOTTY without one. */
int execution_resize(Execution *e, uint16_t rows, uint16_t columns);

/* Its sandbox is dead, and all that ran in it. usage may be NULL. May free the execution. */
void execution_sandbox_ended(Execution *e, EndCause cause, LauncherDeath death,
                             const LauncherUsage *usage);

/* -- for the driver: each may free the execution ------------------------------------------------ */

/* Its turn has come. Takes the stand-in (NULL: none) when it can use it, and *stand_in is then NULL. */
void execution_start(Execution *e, StandIn **stand_in);
/* The interpreter has the code. */
void execution_code_running(Execution *e);
/* The interpreter was told to let go of it, and is out of its cgroup. */
void execution_code_left(Execution *e);
/* It has run, and the interpreter is on its way back: execution_code_done() is to come. */
void execution_code_through(Execution *e);
/* It has run, and the interpreter is back where it was. error is borrowed, NULL for none. */
void execution_code_done(Execution *e, uint8_t exit_code, json_object *error);
/* The interpreter ended in it, or is of no use any more and must be killed with it. exited is
 * borrowed; NULL: as if by SIGKILL. */
void execution_code_lost(Execution *e, const GuestExited *exited);
/* There is no interpreter to run it. problem is borrowed. */
void execution_code_refused(Execution *e, int failure, const RpcProblem *problem);
/* See on_result; as JSON it counts as output. */
void execution_result(Execution *e, json_object *data);

/* What the driver is to run, as cloche-driver(7) has it. Borrowed; from execution_start() on. */
json_object *execution_command(const Execution *e);
