/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* cloche-handler: one client, one process. Ties the client's connection, the launcher and the
 * requests under way together; ends when the client is gone. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <systemd/sd-event.h>

#include "audit/audit.h"
#include "handler/connection.h"
#include "handler/launcher-link.h"
#include "handler/methods.h"

typedef struct Sandbox Sandbox;

struct Handler {
        sd_event *event;
        Connection *client;
        LauncherLink *launcher;
        Audit *audit;
        AuditSequence sequence;
        TAILQ_HEAD(, Request) requests;
        size_t n_requests;
        TAILQ_HEAD(, Sandbox) sandboxes;
        size_t n_input;          /* input queued for all programs */
        size_t n_refused;        /* requests in the second that … */
        uint64_t refusals_begin; /* … began then */
        bool client_ended;       /* it sends no more */
        bool client_gone;        /* it does not even read any more */
};

/* What the service manager has passed; -EBADF where there is nothing. */
typedef struct HandlerFds {
        int client;
        int launcher;
        int journal;
} HandlerFds;

/* fds are consumed, also on failure. Returns 0 or -errno. */
int handler_new(Handler **ret, sd_event *event, const HandlerFds *fds);
/* What still runs is recorded as ended. */
Handler *handler_free(Handler *h);

/* Ends the event loop: with 0, or with -errno for a fault of ours, which is logged. */
void handler_exit(Handler *h, int error);

/* Counts a refused request. Too many in a second, and no more are handled until it is over: a client
 * that only says nonsense fills the journal no faster than that. */
void handler_count_refusal(Handler *h);

/* Ends the event loop if nobody can ask for more, all is answered and the client has taken it. */
void handler_consider_exit(Handler *h);
