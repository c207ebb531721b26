/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* One sandbox as its client has it: asked for, ready for any number of executions, and ended for a
 * reason that is known. */

#include <json-c/json.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "handler/guest.h"
#include "handler/methods.h"
#include "handler/result.h"
#include "handler/streams.h"
#include "wire/launcher-message.h"

typedef struct Driver Driver;
typedef struct Execution Execution;
typedef struct Leftover Leftover;

typedef enum SandboxState {
        SANDBOX_OPENING, /* the launcher was asked */
        SANDBOX_BOOTING, /* the guest's channel is here, the guest is not ready */
        SANDBOX_READY,
        SANDBOX_CLOSING, /* the launcher was asked to end it */
        SANDBOX_ENDED,   /* all is dead; what was written goes to the client */
} SandboxState;

/* How it ended. All is borrowed. */
typedef struct SandboxEnd {
        EndCause cause;                 /* INVALID when it was never ready: then one of these two */
        const LauncherRefused *refused; /* the launcher's word */
        int failure;                    /* a METHOD_E_… or -errno, with what it says: */
        const RpcProblem *problem;
        LauncherDeath death;
        bool usage_known;
        LauncherUsage usage;
} SandboxEnd;

/* From the event loop. */
typedef struct SandboxEvents {
        void (*on_ready)(void *userdata); /* at most once */
        /* Once, the last: every execution in it has been told before. The sandbox is then freed. */
        void (*on_ended)(const SandboxEnd *end, void *userdata);
        void (*free)(void *userdata); /* at the handler's end, instead; may be NULL */
} SandboxEvents;

struct Sandbox {
        TAILQ_ENTRY(Sandbox) entry; /* in its handler's list */
        Handler *handler;
        SandboxState state;
        bool is_kept;          /* its client asked for a sandbox, not for a run */
        LauncherOpened opened; /* zeroed before OPENED */
        json_object *env;      /* for every program in it; may be NULL */
        Guest *guest;          /* NULL before BOOTING and after the end */
        Driver *driver;        /* NULL when there is none yet or no more */
        TAILQ_HEAD(, Execution) executions;
        TAILQ_HEAD(, Leftover) leftovers;
        uint64_t deadline_usec; /* CLOCK_MONOTONIC; of one that is kept */

        const SandboxEvents *events;
        void *userdata;
        sd_event_source *timer;    /* for the guest to boot; then until the deadline */
        sd_event_source *farewell; /* ends it from the loop, where nobody holds it */
        EndCause cause;            /* of its end */
        int failure;
        RpcProblem problem;
        LauncherRefused refused;
        LauncherDeath death;
        bool usage_known;
        LauncherUsage usage;
};

/* Asks for one. profile and limits: as launcher_request_open(). env (may be NULL) is referenced.
 * Returns 0, METHOD_E_LAUNCHER, METHOD_E_TOO_MANY_SANDBOXES, METHOD_E_UNKNOWN_PROFILE or -errno. */
int sandbox_new(Sandbox **ret, Handler *h, const char *profile, const LauncherLimits *limits,
                bool is_kept, json_object *env, const SandboxEvents *events, void *userdata);
/* For the end of the handler: records how its executions ended, tells nobody. */
Sandbox *sandbox_free(Sandbox *s);

/* Has it killed, with everything in it; on_ended comes later. What runs in it ends for that cause. The
 * first cause counts. */
void sandbox_end(Sandbox *s, EndCause cause);

/* Its owner is gone: nobody is told how it ends. */
void sandbox_disown(Sandbox *s);

/* Whether it can still be used. */
bool sandbox_is_alive(const Sandbox *s);

/* The one of that id that its client keeps and that is ready; NULL when there is none. */
Sandbox *sandbox_find(const Handler *h, const char *id);

/* To be called when an execution has left the list: the last one lets the end be told. */
void sandbox_consider_farewell(Sandbox *s);

/* Output streams that something left behind still holds open: they are read on, and thrown away,
 * so that it neither stops nor dies of them. streams is consumed. */
void sandbox_adopt_streams(Sandbox *s, Streams *streams);

/* What concerns all sandboxes of a handler. */
void sandboxes_died(Handler *h, const LauncherClosed *died); /* the launcher said DIED */
void sandboxes_launcher_lost(Handler *h);
void sandboxes_finish_input(Handler *h); /* the client sends no more */
void sandboxes_resume(Handler *h);       /* the client takes output again */
