/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* An execution from inside, and its end: execution.c is how it begins and goes on. No others look in
 * here. */

#include <stdbool.h>
#include <stdint.h>

#include "handler/execution.h"
#include "handler/program.h"
#include "handler/result.h"

typedef enum ExecutionState {
        EXECUTION_WAITING,  /* for its turn at the interpreter */
        EXECUTION_STARTING, /* the program was asked for */
        EXECUTION_RUNNING,
        EXECUTION_STOPPING, /* the interpreter was told to let go */
        EXECUTION_DRAINING, /* it has ended; something may still hold its output open */
        EXECUTION_ENDING,   /* the launcher was asked for its end */
        EXECUTION_FLUSHING, /* all is over; what it wrote goes to the client */
} ExecutionState;

struct Execution {
        TAILQ_ENTRY(Execution) entry; /* in its sandbox's list */
        Sandbox *sandbox;
        ExecutionState state;
        ExecutionOrder order; /* what is borrowed in it is gone once it was started */
        uint64_t timeout_usec;
        uint64_t output_bytes;
        const ExecutionEvents *events;
        void *userdata;
        uint32_t exec;        /* its id inside, 0 before it was started */
        json_object *command; /* for the driver, NULL before it was started */
        Program *program;     /* NULL before that, and when the sandbox is dead */
        Streams *streams;
        sd_event_source *timer;
        bool is_started;
        uint64_t started_usec;
        bool kills;         /* END does, or did */
        bool driver_is_out; /* STOPPING: of its cgroup */
        bool is_left;       /* and the interrupt was sent: all else there is killed … */
        bool is_ended;      /* … and dead */
        bool at_driver;     /* the driver knows it */
        bool has_exited;    /* its program, or the stand-in for code */
        bool is_prepared;   /* its stand-in holds the streams for the driver to open */
        RunEnd end;
};

uint64_t execution_now(const Execution *e); /* CLOCK_MONOTONIC, µs */
ResultSubject execution_subject(const Execution *e);
/* Calls what is to happen when this time is over, in this state. */
void execution_set_timer(Execution *e, uint64_t usec);

/* The first one counts. */
void execution_set_cause(Execution *e, EndCause cause);

/* Has its interpreter let go of it. False when it cannot, and its end may go on. */
bool execution_interrupt(Execution *e);

/* Steps of the end, each of which may free the execution. */

/* It has ended; what is left in its streams comes. */
void execution_begin_drain(Execution *e);
/* Asks for its end. */
void execution_begin_end(Execution *e);
/* What became of the code that was told to stop is known. */
void execution_end_stopping(Execution *e);
/* Its program, or its stand-in, has ended. */
void execution_exited(Execution *e);
/* The last step. Frees it. */
void execution_finish(Execution *e, int failure, const RpcProblem *problem);

/* As StreamsEvents has it. */
void execution_streams_ended(void *userdata);

/* Tells nobody. */
void execution_unlink_and_free(Execution *e);
